/// operon/sdk/overridden.hpp: chooses, verb by verb, between the blocking and the asynchronous member function that an author wrote.
#pragma once

#include <type_traits>

namespace operon::sdk::detail {

/// The member function type Method as a member of C.
template <class C, class Method>
struct Rebased;
template <class C, class B, class A, class... P>
struct Rebased<C, A (B::*)(P...)> {
  using type = A (C::*)(P...);
};

[[noreturn]] inline void not_offered(const char* verb) {
  throw Error(Code::unimplemented, std::string("the plugin does not offer `") + verb + "`");
}

}  // namespace operon::sdk::detail

/// True when class C has its own `name` in place of Base's. Classes of several kinds inherit one name from each: then it is not.
#define OPERON_SDK_OVERRIDES(C, Base, name)                                              \
  ([] {                                                                                  \
    using Own = typename ::operon::sdk::detail::Rebased<C, decltype(&Base::name)>::type; \
    constexpr bool fits = requires {                                                     \
      static_cast<Own>(&C::name);                                                        \
    };                                                                                   \
    if constexpr (requires { &C::name; })                                                \
      return fits && !std::is_same_v<decltype(&C::name), decltype(&Base::name)>;         \
    else                                                                                 \
      return fits;                                                                       \
  }())

/// The Verb for `name` of class C: C's `name`, or its `name_async`; having neither is an error of compilation.
#define OPERON_SDK_VERB(C, Base, name, flags)                                                                                 \
  ([] {                                                                                                                       \
    constexpr bool later = OPERON_SDK_OVERRIDES(C, Base, name##_async);                                                       \
    static_assert(later || OPERON_SDK_OVERRIDES(C, Base, name), "override " #name " or " #name "_async, as a public member"); \
    if constexpr (later)                                                                                                      \
      return ::operon::sdk::verb_of<C, &Base::name##_async>(#name, flags);                                                    \
    else                                                                                                                      \
      return ::operon::sdk::verb_of<C, &Base::name>(#name, flags);                                                            \
  }())

/* operon/types.h: the words every other header is written in. C99, no dependencies.
 *
 * Thread rules. Every function pointer of the contract carries one or more of these tags, and a lint refuses one that has none:
 *
 *   [serial]      nothing else is in flight on this instance, on any thread
 *   [instance]    overlaps with other calls on the instance only if the plugin declared OPERON_CONCURRENT
 *   [any-thread]  whenever, from wherever
 *   [no-block]    returns in under 1 ms, does no I/O, takes no lock that is held over I/O; runs on the caller's thread
 *
 * What is not [no-block] runs on the instance's executor (bounded, measured by the host).
 *
 * Growth. Every struct that crosses the boundary begins with `struct_size`, set by the side that fills it to its own sizeof.
 * Members are appended, never inserted, retyped or re-meant; the reader asks OPERON_HAS before it touches one that may be younger
 * than the other side. A struct is never embedded by value in another one that may grow. */
#ifndef OPERON_TYPES_H
#define OPERON_TYPES_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define OPERON_EXPORT __declspec(dllexport)
#else
#define OPERON_EXPORT __attribute__((visibility("default")))
#endif

/* Part of the pointer's type since C++17: a function that may throw does not convert, so that no exception crosses unseen. */
#if defined(__cplusplus) && __cplusplus >= 201703L
#define OPERON_NOEXCEPT noexcept
#else
#define OPERON_NOEXCEPT
#endif

#define OPERON_ABI_MAGIC 0x3152504Fu /* "OPR1" in memory order */
#define OPERON_ABI_MAJOR 1u
#define OPERON_ABI_MINOR 0u

/* True when `member` exists in the other side's build of `*p` (of struct type T) and is set. */
#define OPERON_HAS(p, T, member) ((p) && (p)->struct_size >= offsetof(T, member) + sizeof((p)->member) && (p)->member)

#ifdef __cplusplus
extern "C" {
#endif

/* Borrowed bytes: UTF-8 where text is meant, not NUL-terminated, valid until the function that received them returns.
 * {NULL, 0} means absent. Whoever wants to keep them copies them. */
typedef struct operon_str {
  const char* ptr;
  size_t len; /* bytes */
} operon_str;

/* A function the host calls back exactly once, on a thread of its own choosing. It must not block. */
typedef void (*operon_callback)(void* arg) OPERON_NOEXCEPT; /* [any-thread] [no-block] */

#ifdef __cplusplus
}
#endif
#endif

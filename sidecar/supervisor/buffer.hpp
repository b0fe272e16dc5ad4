/// buffer.hpp: growing bytes without the C++ library: a supervisor stays far under 1 MB of private memory.
#pragma once

#include <stdlib.h>
#include <string.h>

#include <string_view>

namespace operon::supervisor {

/// Owns its bytes. Want of memory ends the program: the clean-up that follows is the host's.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { free(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void append(const char* bytes, size_t size) {
    reserve(size_ + size);
    memcpy(data_ + size_, bytes, size);
    size_ += size;
  }
  void append(std::string_view text) { append(text.data(), text.size()); }
  void reserve(size_t size) {
    if (size <= capacity_) return;
    capacity_ = size < 512 ? 512 : size + size / 2;
    data_ = static_cast<char*>(realloc(data_, capacity_));
    if (data_ == nullptr) abort();
  }
  void set_size(size_t size) { size_ = size; }
  void clear() {
    free(data_);
    data_ = nullptr;
    size_ = capacity_ = 0;
  }
  char* data() { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  std::string_view view() const { return {data_, size_}; }

 private:
  char* data_ = nullptr;
  size_t size_ = 0, capacity_ = 0;
};

/// A NULL-terminated list of strings that somebody else owns, as execve wants it.
class Strings {
 public:
  Strings() = default;
  ~Strings() { free(list_); }
  Strings(const Strings&) = delete;
  Strings& operator=(const Strings&) = delete;

  void add(char* text) {
    if (count_ + 2 > capacity_) {
      capacity_ = capacity_ == 0 ? 16 : capacity_ * 2;
      list_ = static_cast<char**>(realloc(list_, capacity_ * sizeof(char*)));
      if (list_ == nullptr) abort();
    }
    list_[count_++] = text;
    list_[count_] = nullptr;
  }
  void clear() {
    free(list_);
    list_ = nullptr;
    count_ = capacity_ = 0;
  }
  char** list() const { return list_; }
  size_t size() const { return count_; }
  char* operator[](size_t i) const { return list_[i]; }

 private:
  char** list_ = nullptr;
  size_t count_ = 0, capacity_ = 0;
};

}  // namespace operon::supervisor

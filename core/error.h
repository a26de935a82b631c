// The exceptions that dlengine throws. A message names the operation, what was expected and what came.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace dlengine {

/// Base of every exception thrown by the library.
class Error : public std::exception {
 public:
  explicit Error(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

  /// Says where the error arose, as in "layer conv1 (Conv2d): <message>"; used while an error travels
  /// outwards.
  void add_context(const std::string& where) { message_ = where + ": " + message_; }

 private:
  std::string message_;
};

/// Sizes, ranks or axes that do not fit together.
class ShapeError : public Error {
  using Error::Error;
};

/// An element type that the operation does not take.
class DTypeError : public Error {
  using Error::Error;
};

/// A device that does not exist or failed, or tensors on different devices.
class DeviceError : public Error {
  using Error::Error;
};

/// An argument outside of its range.
class ValueError : public Error {
  using Error::Error;
};

/// A file or a download that cannot be read or written, or whose contents are damaged.
class IoError : public Error {
  using Error::Error;
};

/// A gradient was asked for where the tape has none.
class AutogradError : public Error {
  using Error::Error;
};

/// The device has not enough memory left.
class OutOfMemoryError : public Error {
  using Error::Error;
};

}  // namespace dlengine

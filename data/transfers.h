// Internal: what libcurl and OpenSSL do. They and the thirty libraries behind them are a plugin,
// libdlengine_download.so, so that programs that download nothing do not load them.
#pragma once

#include <string>

namespace dlengine {

class Transfers {
 public:
  virtual ~Transfers() = default;
  /// Empty if the file of this content is at `path` now, else why not; it is put there whole or not at all.
  /// Throws IoError if it cannot be written.
  virtual std::string download(const std::string& url, const std::string& sha256,
                               const std::string& path) = 0;
  /// 64 lower-case hexadecimal digits. Throws IoError.
  virtual std::string sha256_of_file(const std::string& path) = 0;
};

/// The plugin's, which is opened when it is first asked for. Throws IoError if it cannot be.
Transfers& transfers();

}  // namespace dlengine

/// The one function of the plugin; what it points to lives until the process ends.
extern "C" dlengine::Transfers* dlengine_transfers();

// libcurl writes into an AtomicFile while the hash is computed; the file gets its name only if the hash is
// right.
#include "dlengine/data/transfers.h"

#include <curl/curl.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <fstream>
#include <memory>
#include <system_error>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/io/atomic_file.h"
#include "dlengine/data/sha256.h"

namespace dlengine {

namespace {

constexpr long kConnectSeconds = 10;
constexpr long kStallSeconds = 20;  // slower than kStallBytes per second for so long: given up
constexpr long kStallBytes = 1000;
constexpr long kMaxRedirects = 5;
constexpr uint64_t kMaxBytes = uint64_t{1} << 30;  // a mirror must not fill the disk

/// Where the bytes of one transfer go.
struct Sink {
  AtomicFile& file;
  Sha256 hash;
  uint64_t bytes = 0;
  std::exception_ptr error;  // of our own side; C code is in between
};

size_t receive(char* data, size_t size, size_t count, void* user) {
  auto& sink = *static_cast<Sink*>(user);
  const size_t bytes = size * count;
  try {
    sink.bytes += bytes;
    if (sink.bytes > kMaxBytes) return 0;
    sink.file.write(data, bytes);
    sink.hash.update(data, bytes);
    return bytes;
  } catch (...) {
    sink.error = std::current_exception();
    return 0;
  }
}

struct CurlCleanup {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};

void set_options(CURL* curl, const std::string& url, Sink& sink, char* message) {
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kMaxRedirects);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);  // 404 is a failure, not a page
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);     // the signals belong to the program
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kStallBytes);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "dlengine");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
}

class CurlTransfers final : public Transfers {
 public:
  std::string download(const std::string& url, const std::string& sha256, const std::string& path) override;
  std::string sha256_of_file(const std::string& path) override;
};

std::string CurlTransfers::download(const std::string& url, const std::string& sha256,
                                    const std::string& path) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, CurlCleanup> curl(curl_easy_init());
  if (global != CURLE_OK || !curl) return "libcurl does not start";

  AtomicFile file(path);
  Sink sink{.file = file, .hash = {}, .error = {}};
  std::array<char, CURL_ERROR_SIZE> message{};
  set_options(curl.get(), url, sink, message.data());
  const CURLcode result = curl_easy_perform(curl.get());
  if (sink.error) std::rethrow_exception(sink.error);
  if (sink.bytes > kMaxBytes) return fmt::format("more than {} bytes", kMaxBytes);
  if (result != CURLE_OK) return message[0] ? message.data() : curl_easy_strerror(result);
  const std::string found = sink.hash.finish();
  if (found != sha256) return fmt::format("{} bytes with SHA-256 {}, need {}", sink.bytes, found, sha256);
  file.commit();
  return {};
}

std::string CurlTransfers::sha256_of_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  check<IoError>(stream.is_open(), "cannot open {}: {}", path, std::generic_category().message(errno));
  Sha256 hash;
  std::vector<char> buffer(size_t{1} << 18);
  while (stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || stream.gcount() > 0) {
    hash.update(buffer.data(), static_cast<size_t>(stream.gcount()));
  }
  check<IoError>(!stream.bad(), "cannot read {}", path);
  return hash.finish();
}

}  // namespace

}  // namespace dlengine

extern "C" [[gnu::visibility("default")]] dlengine::Transfers* dlengine_transfers() {
  static dlengine::CurlTransfers transfers;
  return &transfers;
}

// SHA-256 by OpenSSL, which uses the CPU's instructions for it.
#include "dlengine/data/sha256.h"

#include <openssl/evp.h>

#include <array>

#include "dlengine/core/check.h"

namespace dlengine {

struct Sha256::Impl {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  const bool ok = EVP_DigestInit_ex(impl_->context.get(), EVP_sha256(), nullptr) == 1;
  check<IoError>(ok, "OpenSSL has no SHA-256");
}

Sha256::~Sha256() = default;

void Sha256::update(const void* data, size_t bytes) { EVP_DigestUpdate(impl_->context.get(), data, bytes); }

std::string Sha256::finish() {
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(impl_->context.get(), digest.data(), nullptr);
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace dlengine

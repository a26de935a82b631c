// The file: u64 length of the header, the header (JSON), the elements; all little-endian.
#include "dlengine/core/io/safetensors.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/io/atomic_file.h"
#include "dlengine/core/io/element_types.h"

namespace dlengine {

namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little, "elements are written as they are in memory");

constexpr const char* kMetadata = "__metadata__";
constexpr uint64_t kLengthBytes = sizeof(uint64_t);
constexpr uint64_t kMaxHeader = 100'000'000;  // the limit of the reference implementation
constexpr uint64_t kAlignment = 8;            // of the first element; no type is wider
constexpr uint64_t kMaxSize = std::numeric_limits<int64_t>::max();

size_t bytes_of(const Tensor& tensor) {
  return static_cast<size_t>(tensor.numel()) * size_of(tensor.dtype());
}

// Writing

/// Positions of the tensors by falling element size, else as given: then each tensor starts at a multiple of
/// its size.
std::vector<size_t> storage_order(const NamedTensors& tensors) {
  std::vector<size_t> order(tensors.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return size_of(tensors[a].second.dtype()) > size_of(tensors[b].second.dtype());
  });
  return order;
}

void check_names(const NamedTensors& tensors) {
  std::set<std::string_view> names = {kMetadata};
  for (const auto& [name, tensor] : tensors) {
    check<ValueError>(names.insert(name).second, "save_safetensors: the name \"{}\" {}", name,
                      name == kMetadata ? "is reserved" : "is given twice");
    check<ValueError>(tensor.defined(), "save_safetensors: tensor \"{}\" is undefined", name);
  }
}

std::string make_header(const NamedTensors& tensors, const std::map<std::string, std::string>& metadata) {
  std::vector<uint64_t> begin(tensors.size());
  uint64_t offset = 0;
  for (const size_t i : storage_order(tensors)) {
    begin[i] = offset;
    offset += bytes_of(tensors[i].second);
  }
  auto header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, tensor] = tensors[i];
    header.push_back({name,
                      {{"dtype", stored_name(tensor.dtype())},
                       {"shape", std::vector<int64_t>(tensor.shape().begin(), tensor.shape().end())},
                       {"data_offsets", {begin[i], begin[i] + bytes_of(tensor)}}}});
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception& error) {
    fail<ValueError>("save_safetensors: a name or the metadata is no UTF-8 text: {}", error.what());
  }
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  check<ValueError>(text.size() <= kMaxHeader,
                    "save_safetensors: the header has {} bytes, at most {} are allowed", text.size(),
                    kMaxHeader);
  return text;
}

// Reading

struct Entry {
  std::string name;
  const StoredType* type;
  Shape shape;
  uint64_t begin = 0, end = 0;  // bytes from the end of the header
};

/// Watches the JSON parser: refuses a key given twice and nesting that would take much memory, and notes the
/// order of the names, which the parser forgets.
class HeaderGuard {
 public:
  bool operator()(int, Json::parse_event_t event, const Json& value) {
    switch (event) {
      case Json::parse_event_t::object_start: enter(); break;
      case Json::parse_event_t::array_start: enter(); break;
      case Json::parse_event_t::object_end: keys_.pop_back(); break;
      case Json::parse_event_t::array_end: keys_.pop_back(); break;
      case Json::parse_event_t::value: break;
      case Json::parse_event_t::key: {
        const auto& key = value.get_ref<const std::string&>();
        check<IoError>(keys_.back().insert(key).second, "the header has the key \"{}\" twice", key);
        if (keys_.size() == 1) names_.push_back(key);
      }
    }
    return true;
  }

  const std::vector<std::string>& names() const { return names_; }

 private:
  void enter() {
    constexpr size_t kDepth = 3;  // header, tensor, shape
    check<IoError>(keys_.size() < kDepth, "the header is nested more than {} levels deep", kDepth);
    keys_.emplace_back();
  }

  std::vector<std::set<std::string>> keys_;  // of the objects that are open
  std::vector<std::string> names_;           // of the outermost object
};

struct Header {
  std::vector<std::string> names;  // in the order of the file
  Json entries;
};

Header parse_header(const std::string& text) {
  check<IoError>(text.starts_with('{'), "the header does not start with {{");
  // To the parser a NUL is the end of the text, and what follows would go unseen.
  check<IoError>(text.find('\0') == std::string::npos, "the header is damaged: it has a NUL");
  HeaderGuard guard;
  try {
    Json entries = Json::parse(text, std::ref(guard));
    return {guard.names(), std::move(entries)};
  } catch (const Json::exception& error) {
    fail<IoError>("the header is damaged: {}", error.what());
  }
}

const Json& field(const Json& tensor, const std::string& name, const char* key) {
  const auto found = tensor.find(key);
  check<IoError>(found != tensor.end(), "tensor \"{}\" has no {}", name, key);
  return *found;
}

/// A list of integers from 0 to the largest int64.
std::vector<uint64_t> sizes(const Json& tensor, const std::string& name, const char* key) {
  std::vector<uint64_t> values;
  const Json& list = field(tensor, name, key);
  check<IoError>(list.is_array(), "tensor \"{}\": {} is no list", name, key);
  for (const Json& item : list) {
    check<IoError>(item.is_number_unsigned() && item.get<uint64_t>() <= kMaxSize,
                   "tensor \"{}\": {} has {}, need an integer from 0 to 2^63 - 1", name, key, item.dump());
    values.push_back(item.get<uint64_t>());
  }
  return values;
}

/// Product of the sizes and `element`. Sizes of 0 count 1 for the check, as strides are products too.
uint64_t checked_bytes(const std::string& name, const std::vector<uint64_t>& shape, uint64_t element) {
  uint64_t bound = element;
  bool is_empty = false;
  for (const uint64_t size : shape) {
    is_empty |= size == 0;
    const bool overflow = __builtin_mul_overflow(bound, std::max<uint64_t>(size, 1), &bound);
    check<IoError>(!overflow && bound <= kMaxSize, "tensor \"{}\" has a shape with too many elements", name);
  }
  return is_empty ? 0 : bound;
}

Entry parse_entry(const std::string& name, const Json& tensor) {
  check<IoError>(tensor.is_object(), "the entry of tensor \"{}\" is no object", name);
  const Json& type = field(tensor, name, "dtype");
  check<IoError>(type.is_string(), "tensor \"{}\": dtype is no text", name);
  Entry entry{.name = name, .type = &stored_type(name, type.get<std::string>()), .shape = {}};

  const std::vector<uint64_t> shape = sizes(tensor, name, "shape");
  check<IoError>(shape.size() <= size_t{kMaxRank}, "tensor \"{}\" has {} axes, at most {} are possible", name,
                 shape.size(), kMaxRank);
  const uint64_t bytes = checked_bytes(name, shape, entry.type->bytes);
  for (const uint64_t size : shape) entry.shape.push_back(static_cast<int64_t>(size));

  const std::vector<uint64_t> offsets = sizes(tensor, name, "data_offsets");
  check<IoError>(offsets.size() == 2 && offsets[0] <= offsets[1],
                 "tensor \"{}\": need data_offsets [begin, end] with begin <= end", name);
  entry.begin = offsets[0];
  entry.end = offsets[1];
  check<IoError>(entry.end - entry.begin == bytes,
                 "tensor \"{}\": {} {} needs {} bytes, data_offsets give {}", name, entry.type->name,
                 entry.shape, bytes, entry.end - entry.begin);
  return entry;
}

/// Together the tensors must fill the data without gap or overlap.
void check_layout(const std::vector<Entry>& entries, uint64_t data_bytes) {
  std::vector<const Entry*> order;
  order.reserve(entries.size());
  for (const Entry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  uint64_t filled = 0;
  for (const Entry* entry : order) {
    check<IoError>(entry->begin == filled, "tensor \"{}\" starts at byte {} of the data, need {}: {}",
                   entry->name, entry->begin, filled,
                   entry->begin < filled ? "tensors overlap" : "there is a gap");
    check<IoError>(entry->end <= data_bytes, "tensor \"{}\" ends at byte {} of the data, the file has {}",
                   entry->name, entry->end, data_bytes);
    filled = entry->end;
  }
  check<IoError>(filled == data_bytes, "the tensors have {} bytes, the file has {} after its header", filled,
                 data_bytes);
}

std::map<std::string, std::string> parse_metadata(const Json& object) {
  check<IoError>(object.is_object(), "{} is no object", kMetadata);
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : object.items()) {
    check<IoError>(value.is_string(), "{}: \"{}\" is no text", kMetadata, key);
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

void read_bytes(std::ifstream& stream, void* target, uint64_t bytes) {
  stream.read(static_cast<char*>(target), static_cast<std::streamsize>(bytes));
  check<IoError>(static_cast<uint64_t>(stream.gcount()) == bytes,
                 "the file ended or could not be read after {} of {} bytes", stream.gcount(), bytes);
}

Tensor read_tensor(std::ifstream& stream, const Entry& entry, uint64_t data_start) {
  Tensor tensor = empty(entry.shape, entry.type->dtype);
  stream.seekg(static_cast<std::streamoff>(data_start + entry.begin));
  const uint64_t bytes = entry.end - entry.begin;
  if (entry.type->widen) {
    std::vector<std::byte> stored(bytes);
    read_bytes(stream, stored.data(), bytes);
    entry.type->widen(stored.data(), tensor.numel(), tensor.raw());
  } else {
    read_bytes(stream, tensor.raw(), bytes);
  }
  if (entry.type->dtype == DType::boolean) {  // any other byte would be no valid bool in C++
    const auto* elements = static_cast<const uint8_t*>(tensor.raw());
    const bool valid =
        std::all_of(elements, elements + tensor.numel(), [](uint8_t byte) { return byte <= 1; });
    check<IoError>(valid, "tensor \"{}\" is BOOL and has an element that is neither 0 nor 1", entry.name);
  }
  return tensor;
}

SafetensorsFile load(const std::string& path) {
  std::error_code error;
  const uint64_t file_bytes = std::filesystem::file_size(path, error);
  check<IoError>(!error, "cannot read the file: {}", error.message());
  std::ifstream stream(path, std::ios::binary);
  check<IoError>(stream.is_open(), "cannot open the file: {}", std::generic_category().message(errno));

  check<IoError>(file_bytes >= kLengthBytes, "the file has {} bytes, need {} or more", file_bytes,
                 kLengthBytes);
  uint64_t header_bytes = 0;
  read_bytes(stream, &header_bytes, kLengthBytes);
  check<IoError>(header_bytes <= kMaxHeader, "the header length is {}, at most {} is allowed", header_bytes,
                 kMaxHeader);
  check<IoError>(header_bytes <= file_bytes - kLengthBytes,
                 "the header length is {}, but the file has only {} bytes", header_bytes, file_bytes);
  std::string text(header_bytes, '\0');
  read_bytes(stream, text.data(), header_bytes);

  SafetensorsFile file;
  std::vector<Entry> entries;
  const Header header = parse_header(text);
  for (const std::string& name : header.names) {
    if (name == kMetadata) {
      file.metadata = parse_metadata(header.entries[name]);
    } else {
      entries.push_back(parse_entry(name, header.entries[name]));
    }
  }
  const uint64_t data_start = kLengthBytes + header_bytes;
  check_layout(entries, file_bytes - data_start);
  for (const Entry& entry : entries)
    file.tensors.emplace_back(entry.name, read_tensor(stream, entry, data_start));
  return file;
}

}  // namespace

void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata) {
  check_names(tensors);
  const std::string header = make_header(tensors, metadata);
  const uint64_t header_bytes = header.size();
  AtomicFile file(path);
  file.write(&header_bytes, kLengthBytes);
  file.write(header.data(), header.size());
  for (const size_t i : storage_order(tensors)) {
    const Tensor elements = tensors[i].second.detach().to(kCpu).contiguous();
    file.write(elements.raw(), bytes_of(elements));
  }
  file.commit();
}

SafetensorsFile load_safetensors(const std::string& path) try { return load(path); } catch (Error& error) {
  error.add_context("load_safetensors: " + path);
  throw;
}

}  // namespace dlengine

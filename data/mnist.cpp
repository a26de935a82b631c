// Where the files are and what they must hash to; the check of what was read.
#include "dlengine/data/mnist.h"

#include <array>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/data/data_search.h"
#include "dlengine/data/idx.h"

namespace dlengine {

namespace {

namespace fs = std::filesystem;

constexpr size_t kFiles = 4;
constexpr int64_t kSide = 28;

/// Without ".gz": training images and labels, test images and labels.
constexpr std::array<const char*, kFiles> kNames = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                                    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

struct Known {
  const char* name;
  std::array<const char*, kFiles> sha256;  // of the gzip files
  std::vector<std::string> mirrors;
  std::vector<std::string> class_names;
};

const std::array<Known, 2>& known_sets() {
  static const std::array<Known, 2> sets = {{
      {.name = "mnist",
       .sha256 = {"440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                  "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                  "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                  "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
       .mirrors = {"https://ossci-datasets.s3.amazonaws.com/mnist/",
                   "https://storage.googleapis.com/cvdf-datasets/mnist/"},
       .class_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
      {.name = "fashion_mnist",
       .sha256 = {"3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                  "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                  "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                  "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
       .mirrors = {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                   "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"},
       .class_names = {"T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker",
                       "bag", "ankle boot"}},
  }};
  return sets;
}

const Known& find_known(const std::string& name) {
  for (const Known& known : known_sets()) {
    if (name == known.name) return known;
  }
  fail<ValueError>("load_mnist: need \"mnist\" or \"fashion_mnist\", got \"{}\"", name);
}

/// The file in the folder under any of its usual names.
std::optional<std::string> find_file(const fs::path& folder, const std::string& name) {
  std::string dotted = name;
  dotted[dotted.find("-idx")] = '.';
  for (const std::string& candidate : {name, dotted, name + ".gz", dotted + ".gz"}) {
    std::error_code error;
    if (fs::is_regular_file(folder / candidate, error)) return folder / candidate;
  }
  return std::nullopt;
}

std::optional<Paths> find_four(const fs::path& folder, std::string& missing) {
  Paths paths;
  for (const char* name : kNames) {
    const auto path = find_file(folder, name);
    if (!path) {
      missing = name;
      return std::nullopt;
    }
    paths.push_back(*path);
  }
  return paths;
}

DataSearch search_for(const Known& wanted) {
  DataSearch search{
      .who = "load_mnist", .folders = {wanted.name}, .others = {}, .find = find_four, .files = {}};
  for (const Known& known : known_sets()) {
    if (&known != &wanted) search.others.push_back(known.name);
  }
  for (size_t i = 0; i < kFiles; ++i) {
    RemoteFile file{.name = std::string(kNames[i]) + ".gz", .sha256 = wanted.sha256[i]};
    for (const std::string& mirror : wanted.mirrors) file.urls.push_back(mirror + file.name);
    search.files.push_back(file);
  }
  return search;
}

TensorDataset load_part(const std::string& images, const std::string& labels) {
  TensorDataset part = load_idx_pair(images, labels);
  check<IoError>(part.size() > 0 && part.x().shape() == Shape{part.size(), 1, kSide, kSide},
                 "load_mnist: {}: need images of {} x {}, got {}", images, kSide, kSide, part.x().shape());
  return part;
}

}  // namespace

ImageDataset load_mnist(const std::string& name, const DataPlaces& places) {
  const Known& known = find_known(name);
  const Paths paths = find_data(search_for(known), places);
  return {.train = load_part(paths[0], paths[1]),
          .test = load_part(paths[2], paths[3]),
          .class_names = known.class_names,
          .source = fmt::format("{} from {}", name, fs::path(paths[0]).parent_path().string())};
}

}  // namespace dlengine

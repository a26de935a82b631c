// Where the files are and what they must hash to; the search; the check of what was read.
#include "dlengine/data/mnist.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/data/download.h"
#include "dlengine/data/idx.h"

namespace dlengine {

namespace {

namespace fs = std::filesystem;

constexpr int kFiles = 4;
constexpr int64_t kSide = 28;

/// Without ".gz": training images and labels, test images and labels.
constexpr std::array<const char*, kFiles> kNames = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                                    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

using Paths = std::array<std::string, kFiles>;

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

std::optional<Paths> find_in_folder(const fs::path& folder, std::string& tried) {
  Paths paths;
  for (size_t i = 0; i < kFiles; ++i) {
    const auto path = find_file(folder, kNames[i]);
    if (!path) {
      tried += fmt::format("  {}: has no {}\n", folder.string(), kNames[i]);
      return std::nullopt;
    }
    paths[i] = *path;
  }
  return paths;
}

/// Looks in root/<name>, then in root itself, unless that is the folder of another data set of the same
/// format.
std::optional<Paths> find_in_root(const fs::path& root, const Known& wanted, std::string& tried) {
  if (auto paths = find_in_folder(root / wanted.name, tried)) return paths;
  for (const Known& known : known_sets()) {
    const fs::path folder = root.has_filename() ? root.filename() : root.parent_path().filename();
    if (&known != &wanted && folder == known.name) return std::nullopt;
  }
  return find_in_folder(root, tried);
}

Paths find_in_cache(const Known& known, const MnistOptions& options, const std::string& tried) {
  try {
    const std::string cache =
        fs::path(options.cache_dir.empty() ? default_cache_dir() : options.cache_dir) / known.name;
    Paths paths;
    for (size_t i = 0; i < kFiles; ++i) {
      const std::string file = std::string(kNames[i]) + ".gz";
      std::vector<std::string> urls;
      if (options.download) {
        for (const std::string& mirror : known.mirrors) urls.push_back(mirror + file);
      }
      paths[i] = find_or_download({.name = file, .sha256 = known.sha256[i], .urls = urls}, cache);
    }
    return paths;
  } catch (const IoError& error) {
    fail<DataNotFoundError>(
        "load_mnist: {} was not found. Looked in:\n{}{}\nFour files are needed: {}.gz.\n"
        "Their folder can also be named by the data option or DLENGINE_DATA_DIR.",
        known.name, tried, error.what(), fmt::join(kNames, ".gz, "));
  }
}

Paths find_files(const Known& known, const MnistOptions& options) {
  std::string tried;
  if (!options.data_dir.empty()) {
    std::error_code error;
    check<IoError>(fs::is_directory(options.data_dir, error), "load_mnist: the data folder {} does not exist",
                   options.data_dir);
    if (const auto paths = find_in_root(options.data_dir, known, tried)) return *paths;
  }
  const char* variable = std::getenv("DLENGINE_DATA_DIR");
  if (variable && *variable) {
    if (const auto paths = find_in_root(variable, known, tried)) return *paths;
  }
  return find_in_cache(known, options, tried);
}

TensorDataset load_part(const std::string& images, const std::string& labels) {
  TensorDataset part = load_idx_pair(images, labels);
  check<IoError>(part.size() > 0 && part.x().shape() == Shape{part.size(), 1, kSide, kSide},
                 "load_mnist: {}: need images of {} x {}, got {}", images, kSide, kSide, part.x().shape());
  return part;
}

}  // namespace

ImageDataset load_mnist(const std::string& name, const MnistOptions& options) {
  const Known& known = find_known(name);
  const Paths paths = find_files(known, options);
  return {.train = load_part(paths[0], paths[1]),
          .test = load_part(paths[2], paths[3]),
          .class_names = known.class_names,
          .source = fmt::format("{} from {}", name, fs::path(paths[0]).parent_path().string())};
}

}  // namespace dlengine

// Trials as JSON and back.
#include "dlengine/train/search_table.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "dlengine/core/check.h"
#include "dlengine/core/io/atomic_file.h"

namespace dlengine {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "dlengine search 1";
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// JSON has no NaN and no infinity: null, "inf" and "-inf" stand for them.
Json json_of(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? Json() : Json(value > 0 ? "inf" : "-inf");
}

double double_of(const Json& json) {
  if (json.is_null()) return kNan;
  if (json.is_string())
    return json == "inf"    ? std::numeric_limits<double>::infinity()
           : json == "-inf" ? -std::numeric_limits<double>::infinity()
                            : json.get<double>();
  return json.get<double>();
}

Json json_of(const std::vector<double>& values) {
  Json result = Json::array();
  for (const double value : values) result.push_back(json_of(value));
  return result;
}

std::vector<double> doubles_of(const Json& json) {
  std::vector<double> result;
  for (const Json& value : json) result.push_back(double_of(value));
  return result;
}

Json json_of(const Trial& trial) {
  Json parameters = Json::object();
  for (const auto& [name, value] : trial.parameters) {
    std::visit([&, &key = name](const auto& plain) { parameters[key] = plain; }, value);
  }
  Json json = {{"trial", trial.index},
               {"budget", trial.budget},
               {"score", json_of(trial.score)},
               {"seed", trial.seed},
               {"parameters", std::move(parameters)}};
  if (!trial.train.empty()) json["train"] = json_of(trial.train);
  if (!trial.validation.empty()) json["validation"] = json_of(trial.validation);
  if (!trial.error.empty()) json["error"] = trial.error;
  return json;
}

ParameterValue value_of(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_number_float()) return json.get<double>();
  return json.get<int64_t>();
}

Trial trial_of(const Json& json) {
  Trial trial{.index = json.at("trial").get<int64_t>(),
              .seed = json.at("seed").get<uint64_t>(),
              .budget = json.at("budget").get<int64_t>(),
              .score = double_of(json.at("score"))};
  for (const auto& [name, value] : json.at("parameters").items()) trial.parameters[name] = value_of(value);
  if (json.contains("train")) trial.train = doubles_of(json.at("train"));
  if (json.contains("validation")) trial.validation = doubles_of(json.at("validation"));
  if (json.contains("error")) trial.error = json.at("error").get<std::string>();
  return trial;
}

}  // namespace

SearchTable::SearchTable(const SearchSpace& space, const SearchOptions& options) : path_(options.table) {
  Json first = {{"format", kFormat}, {"seed", options.seed}, {"space", to_string(space)}};
  if (!options.name.empty()) first["name"] = options.name;
  first_line_ = first.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (path_.empty()) return;
  read();
  AtomicFile probe(path_);  // fails now rather than after a trial
}

void SearchTable::read() {
  std::ifstream file(path_);
  if (!file) return;
  std::string line;
  check<IoError>(std::getline(file, line) && line == first_line_,
                 "search: '{}' is the table of another search, or of none: it begins with\n  {}\nneed\n  {}",
                 path_, line, first_line_);
  for (int64_t number = 2; std::getline(file, line); ++number) {
    try {
      Trial trial = trial_of(Json::parse(line));
      const auto key = std::pair(trial.index, trial.budget);
      check<IoError>(trials_.emplace(key, std::move(trial)).second, "it is there twice");
    } catch (const nlohmann::json::exception& error) {
      fail<IoError>("search: '{}' is damaged: line {} is no trial: {}", path_, number, error.what());
    } catch (const IoError& error) {
      fail<IoError>("search: '{}' is damaged: line {}: {}", path_, number, error.what());
    }
  }
}

void SearchTable::write() const {
  std::string text = first_line_ + "\n";
  for (const auto& [key, trial] : trials_) {
    text += json_of(trial).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  AtomicFile file(path_);
  file.write(text.data(), text.size());
  file.commit();
}

const Trial* SearchTable::find(const Trial& wanted) const {
  const auto found = trials_.find({wanted.index, wanted.budget});
  if (found == trials_.end()) return nullptr;
  check<IoError>(
      found->second.parameters == wanted.parameters && found->second.seed == wanted.seed,
      "search: '{}' has other values for trial {}: {}, need {}. Rounds, trials of a round and keep_share "
      "must be those of its search",
      path_, wanted.index, to_string(found->second.parameters), to_string(wanted.parameters));
  return &found->second;
}

void SearchTable::add(const Trial& trial) {
  trials_.insert_or_assign({trial.index, trial.budget}, trial);
  if (!path_.empty()) write();
}

std::vector<Trial> SearchTable::trials() const {
  std::vector<Trial> result;
  for (const auto& [key, trial] : trials_) result.push_back(trial);
  return result;
}

}  // namespace dlengine

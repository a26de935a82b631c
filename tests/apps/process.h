// Runs one of our programs as a user does.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dlengine::test {

struct Command {
  std::string program;  // mnist_cnn, mnist_mlp, predict or dlengine
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment =
      {};                 // on top of the test's own; an empty value removes a variable
  bool terminal = false;  // stderr is a terminal
};

struct Finished {
  int code = -1;  // exit code; 128 + signal if a signal ended it
  std::string out;
  std::string err;
};

class Process {
 public:
  explicit Process(const Command& command);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Waits until stderr has the text. False if the program ended or a minute passed without it.
  bool wait_for_error_text(std::string_view text);
  /// The same for anything; ready(what stderr has so far).
  bool wait_until(const std::function<bool(const std::string&)>& ready);
  void send(int signal);
  Finished wait();

 private:
  void read_all(int descriptor, std::string& text);

  pid_t child_ = -1;
  std::mutex mutex_;  // guards finished_.out, finished_.err and open_
  Finished finished_;
  int open_ = 2;  // streams
  std::vector<std::thread> readers_;
};

/// From start to end.
Finished run(const Command& command);

}  // namespace dlengine::test

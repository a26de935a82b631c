// fork, exec and two readers.
#include "tests/apps/process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace dlengine::test {
namespace {

struct Ends {
  int read = -1;
  int write = -1;
};

Ends open_pipe() {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("pipe");
  return {ends[0], ends[1]};
}

Ends open_terminal() {
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) throw std::runtime_error("posix_openpt");
  return {master, open(ptsname(master), O_RDWR | O_NOCTTY)};
}

[[noreturn]] void become(const Command& command) {
  for (const auto& [name, value] : command.environment) {
    value.empty() ? unsetenv(name.c_str()) : setenv(name.c_str(), value.c_str(), 1);
  }
  const std::string path = std::string(DLENGINE_PROGRAMS) + "/" + command.program;
  std::vector<char*> arguments{const_cast<char*>(path.c_str())};
  for (const std::string& argument : command.arguments)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::signal(SIGINT, SIG_DFL);
  execv(path.c_str(), arguments.data());
  _exit(127);
}

}  // namespace

Process::Process(const Command& command) {
  const Ends out = open_pipe();
  const Ends err = command.terminal ? open_terminal() : open_pipe();
  child_ = fork();
  if (child_ < 0) throw std::runtime_error("fork");
  if (child_ == 0) {
    dup2(out.write, STDOUT_FILENO);
    dup2(err.write, STDERR_FILENO);
    for (const int descriptor : {out.read, out.write, err.read, err.write}) close(descriptor);
    become(command);
  }
  close(out.write);
  close(err.write);
  readers_.emplace_back([this, out] { read_all(out.read, finished_.out); });
  readers_.emplace_back([this, err] { read_all(err.read, finished_.err); });
}

Process::~Process() {
  if (child_ <= 0) return;
  kill(child_, SIGKILL);
  wait();
}

void Process::read_all(int descriptor, std::string& text) {
  char buffer[4096];
  ssize_t count = 0;
  while ((count = read(descriptor, buffer, sizeof buffer)) > 0) {  // a terminal ends with an error, EIO
    const std::lock_guard lock(mutex_);
    text.append(buffer, static_cast<size_t>(count));
  }
  close(descriptor);
  const std::lock_guard lock(mutex_);
  --open_;
}

bool Process::wait_for_error_text(std::string_view text) {
  return wait_until([&](const std::string& err) { return err.find(text) != std::string::npos; });
}

bool Process::wait_until(const std::function<bool(const std::string&)>& ready) {
  for (int i = 0; i < 6000; ++i) {
    {
      const std::lock_guard lock(mutex_);
      if (ready(finished_.err)) return true;
      if (open_ == 0) return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

void Process::send(int signal) { kill(child_, signal); }

Finished Process::wait() {
  int status = 0;
  waitpid(child_, &status, 0);
  child_ = -1;
  for (std::thread& reader : readers_) reader.join();
  readers_.clear();
  finished_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished_;
}

Finished run(const Command& command) { return Process(command).wait(); }

}  // namespace dlengine::test

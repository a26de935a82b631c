# Checks sources against the house rules: awk -f check_sources.awk FILE... , with paths from the root of the project.
# Prints a line for each violation; exits with 1 if there is one.

BEGIN {
  max_file_lines = 400
  max_function_lines = 60
  max_chapter_lines = 99  # of a program of the course
  # Which folders a folder may include; a folder that is not named here may include all.
  split("core kernels layers optim data train", names)
  for (i in names) is_library_folder[names[i]] = 1
  allowed["core"] = " core "
  allowed["kernels"] = " core kernels "
  allowed["layers"] = " core layers "
  allowed["optim"] = " core optim "
  allowed["data"] = " core data "
  allowed["train"] = " core layers optim data train "
}

function violation(file, line, text) {
  printf "%s:%d: %s\n", file, line, text
  failed = 1
}

function end_of_file() {
  if (lines > max_file_lines) violation(file, lines, "the file is longer than " max_file_lines " lines")
  if (file ~ /^apps\/course\/[0-9].*\.cpp$/ && lines > max_chapter_lines)
    violation(file, lines, "the chapter is longer than " max_chapter_lines " lines")
}

FNR == 1 {
  end_of_file()
  file = FILENAME
  folder = substr(file, 1, index(file, "/") - 1)
  is_header = file ~ /\.(h|cuh)$/
  is_cuda = file ~ /\.cuh?$/
  has_guard = function_start = 0
  if ($0 !~ /^\/\//) violation(file, 1, "does not begin with a comment that says what the file is")
}

{ lines = FNR }

/^#include "/ {
  path = $2
  gsub(/"/, "", path)
  split(path, part, "/")
  own = folder ~ /^(tests|apps|bench)$/ && part[1] == folder || folder == "tests" && part[1] == "apps"
  if (part[1] != "dlengine" && !own) violation(file, FNR, "\"" path "\" is not named by its full path dlengine/...")
  if (part[1] == "dlengine" && part[2] in is_library_folder && folder in allowed &&
      !index(allowed[folder], " " part[2] " "))
    violation(file, FNR, folder " may not include " part[2])
  if (is_cuda && path ~ /core\/(check|format)\.h$/) violation(file, FNR, "nvcc cannot read fmt: leave " path " out")
}

is_header && /^ *using namespace/ { violation(file, FNR, "using namespace in a header") }

/^ *# *if/ && file !~ /^(core\/host_device\.h|kernels\/cuda\/.*)$/ {
  violation(file, FNR, "#if outside of core/host_device.h and kernels/cuda")
}

# A function begins in column 0 and ends with a brace there; declarations, one-liners and tables do not count.
!function_start && /^[A-Za-z_]/ && !/^(template|class|struct|enum|union|namespace|using|extern "C" {)/ {
  function_start = FNR
}
function_start && !opened && /(;|}|= {)$/ { function_start = 0 }
function_start && /{$/ { opened = 1 }
/^}/ {
  if (function_start && FNR - function_start >= max_function_lines)
    violation(file, function_start, "the function is longer than " max_function_lines " lines")
  function_start = opened = 0
}

END {
  end_of_file()
  exit failed
}

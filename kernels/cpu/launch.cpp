// The list that a thread records its launches in.
#include "dlengine/kernels/cpu/launch.h"

namespace dlengine {

LaunchList*& LaunchList::recording() {
  thread_local LaunchList* list = nullptr;
  return list;
}

}  // namespace dlengine

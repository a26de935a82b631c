// The table of strokes. Drawn for this project.
#include "dlengine/data/digit_strokes.h"

#include <array>
#include <cstdlib>

namespace dlengine {

namespace {

struct StyleText {
  int digit;
  const char* strokes;  // points "x,y" in percent, strokes apart by |
};

constexpr StyleText kStyles[] = {
    // 0: round, narrow, open with a tail at the top
    {0, "60,4 32,10 15,50 28,90 56,98 83,74 85,36 70,8 50,3"},
    {0, "50,0 30,20 26,60 38,97 60,92 72,55 68,15 50,1"},
    {0, "66,10 42,6 18,35 16,72 42,98 74,82 84,45 72,12 50,2 36,7"},
    {0, "50,8 20,20 6,52 22,84 52,92 84,78 94,44 76,14 48,7"},
    // 1: a bar, with a flag, with flag and base, leaning
    {1, "50,0 50,50 50,100"},
    {1, "30,24 42,14 55,0 55,0 54,50 54,100"},
    {1, "32,20 54,0 54,0 53,50 53,97 | 28,98 55,97 80,98"},
    {1, "70,0 52,50 34,100"},
    // 2: corner below, loop below, flat and wide
    {2, "20,25 36,5 64,3 78,24 66,50 42,75 18,97 18,97 50,95 86,95"},
    {2, "20,22 40,2 70,10 74,36 52,70 28,94 12,90 20,76 42,84 64,96 90,86"},
    {2, "14,18 40,6 74,16 74,38 50,60 20,86 20,86 46,80 72,88 94,80"},
    {2, "26,10 56,0 78,20 62,55 24,100 24,100 80,100"},
    // 3: two bows, flat top, small loop in the middle
    {3, "20,15 45,2 74,14 70,36 42,48 42,48 74,57 82,80 55,98 18,88"},
    {3, "20,6 50,5 80,5 80,5 45,42 45,42 74,50 80,78 50,99 18,88"},
    {3, "22,12 50,0 74,16 60,40 42,46 50,52 76,60 80,82 50,99 16,94"},
    {3, "30,4 62,6 72,26 44,44 44,44 70,60 62,86 40,100 20,98"},
    // 4: open with two strokes, closed, in one stroke
    {4, "26,5 20,35 22,56 22,56 50,57 86,50 | 72,0 70,50 66,100"},
    {4, "65,0 40,32 12,65 12,65 50,65 90,63 | 65,0 65,50 63,100"},
    {4, "22,6 18,40 42,52 70,40 78,4 78,4 74,50 68,100"},
    {4, "38,10 14,50 14,50 50,54 92,42 | 66,20 58,60 50,100"},
    // 5: in one stroke, with a hat of its own, like an S, wide
    {5, "80,4 55,4 30,6 30,6 25,42 25,42 56,36 82,60 70,90 40,99 15,88"},
    {5, "34,6 28,42 28,42 60,42 78,68 60,95 20,96 | 34,7 60,5 88,2"},
    {5, "80,6 46,4 28,24 42,42 68,53 75,76 50,97 18,90"},
    {5, "94,12 36,14 36,14 30,44 30,44 62,46 72,70 50,90 10,86"},
    // 6: long bow, straight stem, hook at the top
    {6, "65,2 38,20 20,60 30,92 60,98 80,78 65,55 40,58 23,78"},
    {6, "56,0 32,40 22,75 40,98 70,92 74,66 50,56 28,70"},
    {6, "76,12 56,0 30,24 18,60 32,95 66,94 76,70 50,57 24,70"},
    {6, "40,0 20,45 20,82 44,100 72,86 62,66 36,70 22,84"},
    // 7: plain, with a bar, with a serif, bent
    {7, "15,8 50,6 85,4 85,4 60,45 42,100"},
    {7, "16,6 50,6 82,5 82,5 58,50 44,100 | 32,52 54,50 78,46"},
    {7, "15,24 18,7 18,7 50,9 84,3 84,3 66,50 56,100"},
    {7, "20,16 44,4 72,8 76,30 66,62 56,100"},
    // 8: one crossing stroke, two rings, open at the top right
    {8, "72,15 48,2 26,20 45,44 75,70 60,96 32,95 24,72 50,48 75,25 68,10"},
    {8, "50,2 28,12 30,36 50,46 72,36 72,12 50,2 | 50,46 22,60 22,88 50,99 80,88 78,60 50,46"},
    {8, "82,6 50,2 28,20 50,45 74,72 50,98 26,80 46,50 84,10"},
    {8, "62,0 36,14 42,40 64,64 58,94 34,98 28,74 50,50 72,26 64,1"},
    // 9: straight leg, bent leg, slanting
    {9, "75,20 50,3 22,20 30,45 60,44 76,20 76,20 74,60 68,100"},
    {9, "74,18 50,2 24,18 28,44 56,46 75,20 76,62 62,94 26,96"},
    {9, "72,10 42,5 20,28 40,48 70,30 78,5 78,5 68,55 52,100"},
    {9, "70,6 38,8 26,32 50,42 74,22 68,6 66,50 50,100"},
};

DigitStyle parse(const char* text) {
  DigitStyle style(1);
  while (*text) {
    if (*text == '|' || *text == ' ') {
      if (*text == '|') style.emplace_back();
      ++text;
      continue;
    }
    char* end = nullptr;
    const auto x = static_cast<float>(std::strtol(text, &end, 10));
    const auto y = static_cast<float>(std::strtol(end + 1, &end, 10));
    style.back().push_back({x / 100, y / 100});
    text = end;
  }
  return style;
}

}  // namespace

std::span<const DigitStyle> digit_styles(int digit) {
  static const auto styles = [] {
    std::array<std::vector<DigitStyle>, 10> by_digit;
    for (const auto& [number, text] : kStyles) by_digit[static_cast<size_t>(number)].push_back(parse(text));
    return by_digit;
  }();
  return styles[static_cast<size_t>(digit)];
}

}  // namespace dlengine

// Pictures of searches: the words over their panels.
#include "dlengine/train/curves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace dlengine::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(SearchCurves, ScoresHaveOneNumberOfDigits) {
  const auto titles = [](double first, double second) {
    Trial a, b;
    a.score = first, b.score = second;
    Figure figure;
    plot_trials(figure, {a, b});
    return figure.svg();
  };
  EXPECT_THAT(titles(0.81, 0.8), AllOf(HasSubstr(">best 1: 0.810<"), HasSubstr(">best 2: 0.800<")));
  EXPECT_THAT(titles(-4, -12.34), AllOf(HasSubstr(">best 1: -4.0<"), HasSubstr(">best 2: -12.3<")));
  EXPECT_THAT(titles(2048, NAN), AllOf(HasSubstr(">best 1: 2048<"), HasSubstr(">best 2: nan<")));
}

}  // namespace
}  // namespace dlengine::test

// The outlines of the procedural image task.
#pragma once

#include <string>
#include <vector>

namespace dynexec::shapes {

// disk, square, triangle, star, plus, ring, frame, crescent, bar, bowtie: the classes, in the order of their labels.
const std::vector<std::string>& names();

// About the signed distance of (x, y) to the outline of a shape of radius 1 around the origin; negative inside.
double field(int shape, double x, double y);

}  // namespace dynexec::shapes

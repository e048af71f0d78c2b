#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config_test.hpp"

using namespace dynexec_test;

namespace {

// A folder with files, removed at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "dynexec-config-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file.string();
  }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a file is laid over the file that it extends") {
  const Folder folder;
  folder.write("base.yaml", "a: 1\nm: {x: 1, y: 2}\nl: [1, 2]\nkeep: z\n");
  const std::string path =
      folder.write("sub/run.yaml", "extends: ../base.yaml\na: 2\nm: {y: 3, z: 4}\nl: [9]\nnew: 5\n");
  const Config config = Config::load(path, {"m.x=7"});
  CHECK(config.path() == path);
  const Node root = config.root();
  CHECK(root.get_int("a") == 2);
  CHECK(root.at("m").get_int("x") == 7);
  CHECK(root.at("m").get_int("y") == 3);
  CHECK(root.at("m").get_int("z") == 4);
  CHECK(root.get_ints("l", {}) == std::vector<std::int64_t>{9});
  CHECK(root.get_string("keep") == "z");
  CHECK(root.get_int("new") == 5);
  config.reject_unread();
  CHECK(config.resolved_yaml().find("extends") == std::string::npos);
}

TEST_CASE("places keep the name of the file that says it") {
  const Folder folder;
  const std::string base = folder.write("base.yaml", "m:\n  x: bad\n  unknown: 1\n");
  const std::string path = folder.write("run.yaml", "extends: base.yaml\nm:\n  y: worse\n");
  const Config config = Config::load(path, {});
  const Node m = config.root().at("m");
  CHECK(error_of([&] { m.get_int("x"); }).where() == base + ":2:6");
  CHECK(error_of([&] { m.get_int("y"); }).where() == path + ":3:6");
  check_error([&] { config.reject_unread(); }, base + ":3:3", "unknown key `m.unknown`", "known here: x, y");
  const std::string broken = folder.write("broken.yaml", "a: [1\n");
  const std::string over = folder.write("over.yaml", "extends: broken.yaml\n");
  CHECK(error_of([&] { Config::load(over, {}); }).where().rfind(broken + ":", 0) == 0);
}

TEST_CASE("several levels, and several bases of which the later wins") {
  const Folder folder;
  folder.write("a.yaml", "v: a\na: 1\n");
  folder.write("b.yaml", "extends: a.yaml\nv: b\nb: 1\n");
  folder.write("c.yaml", "extends: a.yaml\nc: 1\n");
  const Node chain = Config::load(folder.write("d.yaml", "extends: b.yaml\n"), {}).root();
  CHECK(chain.get_string("v") == "b");
  CHECK(chain.get_int("a") == 1);
  const Node list = Config::load(folder.write("e.yaml", "extends: [b.yaml, c.yaml]\ne: 1\n"), {}).root();
  CHECK(list.get_string("v") == "a");  // c.yaml brings a.yaml's over b.yaml's
  CHECK(list.get_int("b") + list.get_int("c") + list.get_int("e") == 3);
}

TEST_CASE("a written null takes an inherited key out, an empty one leaves it") {
  const Folder folder;
  folder.write("base.yaml", "expect: {speedup: 1}\nm: {x: 1}\nn: 3\n");
  const Node root =
      Config::load(folder.write("run.yaml", "extends: base.yaml\nexpect: ~\nm:\n  # x: 2\nn: null # none\n"), {})
          .root();
  CHECK_FALSE(root.has("expect"));
  CHECK_FALSE(root.has("n"));
  CHECK(root.section("m").get_int("x", 9) == 1);
}

TEST_CASE("circles are found at the line that closes them") {
  const Folder folder;
  const std::string self = folder.write("self.yaml", "a: 1\nextends: ./self.yaml\n");
  check_error([&] { Config::load(self, {}); }, self + ":2:10", "`extends: ./self.yaml` leads in a circle",
              "take one `extends` out of the circle");
  const std::string a = folder.write("a.yaml", "extends: b.yaml\n");
  const std::string b = folder.write("b.yaml", "extends: sub/../a.yaml\n");
  std::filesystem::create_directories(folder.file("sub"));
  CHECK(error_of([&] { Config::load(a, {}); }).where() == b + ":1:10");
  std::filesystem::create_symlink(a, folder.file("link.yaml"));
  folder.write("b.yaml", "extends: link.yaml\n");
  CHECK(error_of([&] { Config::load(a, {}); }).message() == "`extends: link.yaml` leads in a circle");
}

TEST_CASE("a long chain is refused") {
  const Folder folder;
  for (int i = 0; i < 40; ++i) {
    folder.write("f" + std::to_string(i) + ".yaml", "extends: f" + std::to_string(i + 1) + ".yaml\n");
  }
  folder.write("f40.yaml", "a: 1\n");
  CHECK(Config::load(folder.file("f30.yaml"), {}).root().get_int("a") == 1);
  CHECK(error_of([&] { Config::load(folder.file("f0.yaml"), {}); }).message() ==
        "more than 16 files extend each other");
}

TEST_CASE("many bases cannot multiply past the budget") {
  const Folder folder;
  folder.write("f0.yaml", "a: 1\n");
  for (int i = 1; i <= 14; ++i) {
    const std::string below = "f" + std::to_string(i - 1) + ".yaml";
    folder.write("f" + std::to_string(i) + ".yaml",
                 "extends: [" + below + ", " + below + ", " + below + ", " + below + "]\n");
  }
  const Error error = error_of([&] { Config::load(folder.file("f14.yaml"), {}); });
  CHECK(error.message() == "the config holds more than 100,000 values");
}

TEST_CASE("files that cannot be extended") {
  const Folder folder;
  const std::string absent = folder.write("absent.yaml", "a: 1\nextends: no.yaml\n");
  check_error([&] { Config::load(absent, {}); }, absent + ":2:10",
              "`extends: no.yaml`: there is no file " + folder.file("no.yaml"),
              "the name is relative to the file that extends; check its spelling");
  const std::string pipe = folder.write("pipe.yaml", "extends: /dev/stdin\n");  // could wait for ever
  CHECK(error_of([&] { Config::load(pipe, {}); }).message() == "`extends: /dev/stdin`: there is no file /dev/stdin");
  for (const char* value : {"{a: 1}", "[[x]]", "\"\"", "[~]", ""}) {
    const std::string path = folder.write("bad.yaml", "extends: " + std::string(value) + "\n");
    const Error error = error_of([&] { Config::load(path, {}); });
    CHECK(error.message() == "`extends` does not name a file");
    CHECK(error.where().rfind(path + ":1:", 0) == 0);
  }
}

TEST_CASE("files that cannot be read are config errors") {
  const Folder folder;
  const Error absent = error_of([&] { Config::load(folder.file("no.yaml"), {}); });
  CHECK(absent.kind() == ErrorKind::config);
  CHECK(absent.where() == folder.file("no.yaml"));
  CHECK(absent.message() == "cannot open the file: No such file or directory");
  CHECK(error_of([&] { Config::load(folder.file("."), {}); }).message() == "cannot read the file: Is a directory");
  const std::string large = folder.write("large.yaml", std::string((1 << 20) + 1, '#'));
  CHECK(error_of([&] { Config::load(large, {}); }).message() == "the file holds more than 1048576 bytes");
  CHECK(error_of([] { Config::load("/dev/zero", {}); }).kind() == ErrorKind::config);
}

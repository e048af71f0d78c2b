#include "base/sha256.hpp"

#include <doctest/doctest.h>

#include <string>

#include "base/error.hpp"
#include "temp_folder.hpp"

using namespace dynexec_test;

// FIPS 180-4 examples.
TEST_CASE("SHA-256 gives the published answers") {
  CHECK(dynexec::sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(dynexec::sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(dynexec::sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("a file, pieces and the whole give the same hash") {
  const TempFolder folder;
  const std::string million(1000000, 'a');
  const std::string expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
  write_text(folder.file("a"), million);
  CHECK(dynexec::sha256_file(folder.file("a")) == expected);
  dynexec::Sha256 hash;
  for (std::size_t at = 0; at < million.size(); at += 777) hash.update(std::string_view(million).substr(at, 777));
  CHECK(hash.hex() == expected);
  CHECK(hash.hex() == expected);  // asking does not end the hash
  hash.update("b");
  CHECK(hash.hex() == dynexec::sha256_hex(million + "b"));
}

TEST_CASE("a file that cannot be read is an error with its path") {
  const TempFolder folder;
  CHECK(error_of<dynexec::Error>([&] { dynexec::sha256_file(folder.file("no")); }).where() == folder.file("no"));
  CHECK_THROWS_AS(dynexec::sha256_file(folder.path()), dynexec::Error);
}

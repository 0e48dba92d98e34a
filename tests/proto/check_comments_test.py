#!/usr/bin/env python3
"""Takes comments away one by one and expects that it is noticed."""
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import check_comments  # noqa: E402: the line above must come first

SAMPLE = """// File.
syntax = "proto3";

package a;

extend google.protobuf.MessageOptions {
  // c1
  Rules rules = 50101;
}

// c2
service S {
  // c3
  rpc Get(A) returns (stream A);
  // c4
  rpc Put(stream A) returns (A) {
    option deprecated = true;
  }
}

// c5
message A {
  option (rules) = {
    name: "a { // ;"
  };
  reserved 6 to 9;
  // c6
  optional string s = 1 [(field) = {
    code: "b;"
    list: { key: true }
  }];
  // c7
  oneof one {
    // c8
    uint32 n = 2;  // trailing
    // c9
    bytes
        b = 3;
  }
  // c10
  enum E {
    // c11
    E_UNSPECIFIED = 0;
  }
  // c12
  message Inner {}
  // c13
  map<string, uint32> m = 4;
}
"""
KINDS = ["field rules", "service S", "rpc Get", "rpc Put", "message A",
         "field s", "oneof one", "field n", "field b", "enum E",
         "enum value E_UNSPECIFIED", "message Inner", "field m"]


class CommentsTest(unittest.TestCase):
    def check(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a.proto")
            path.write_text(text, encoding="utf-8")
            return check_comments.check(path, "a.proto")

    def test_commented(self):
        self.assertEqual(self.check(SAMPLE), [])

    def test_every_comment_is_missed(self):
        for number, kind in enumerate(KINDS, 1):
            for instead in ("", "//", "/* c */"):
                with self.subTest(kind=kind, instead=instead):
                    text = SAMPLE.replace(f"// c{number}\n", instead + "\n")
                    missing = self.check(text)
                    self.assertEqual(len(missing), 1, missing)
                    line = SAMPLE[:SAMPLE.index(f"// c{number}\n")].count("\n")
                    self.assertTrue(missing[0].startswith(
                        f"a.proto:{line + 2}: {kind} has no comment"), missing)

    def test_nothing_declared(self):
        self.assertEqual(len(self.check("syntax = \"proto3\";\n")), 1)


if __name__ == "__main__":
    unittest.main()

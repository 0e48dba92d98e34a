#!/usr/bin/env python3
"""Plants every violation in a tree of its own and expects it to be found."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import check_house  # noqa: E402: the line above must come first

LONG_BODY = "  Step();\n" * check_house.FUNCTION_LINES_MAX


class HouseTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, path, text=""):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def found(self):
        return [(path, line, what)
                for path, line, what, _ in check_house.violations(self.root)]

    def expect(self, path, line, what):
        found = self.found()
        self.assertEqual(len(found), 1, found)
        self.assertEqual(found[0][:2], (path, line))
        self.assertIn(what, found[0][2])
        (self.root / path).unlink()
        self.assertEqual(self.found(), [])

    def expect_clean(self, path, text=""):
        self.write(path, text)
        self.assertEqual(self.found(), [])


class Includes(HouseTest):
    def forbidden(self, path, target):
        quoted = target if target.startswith("<") else f'"{target}"'
        self.write(path, f"#pragma once\n#include {quoted}\n")
        self.expect(path, 2, "include")

    def allowed(self, path, target):
        self.expect_clean(path, f'#include "{target}"\n')

    def test_common_is_built_in_layers(self):
        self.forbidden("common/base/a.h", "common/ledger/proof.h")
        self.forbidden("common/ledger/a.h", "common/records/row.h")
        self.forbidden("common/records/a.cc", "common/exchange/uplink.h")
        self.forbidden("common/exchange/a.cc", "common/transport/peer.h")
        self.forbidden("common/transport/a.cc", "common/ledger/proof.h")
        self.forbidden("common/base/a.cc", "common/alarms/alarm.h")
        self.forbidden("common/alarms/a.cc", "common/ledger/proof.h")
        self.allowed("common/ledger/b.h", "common/base/file.h")
        self.allowed("common/exchange/b.h", "common/records/row.h")
        self.allowed("common/transport/b.h", "common/base/file.h")
        self.allowed("common/transport/c.h", "tongchou/v1/node.grpc.pb.h")

    def test_common_includes_no_program(self):
        for program in ("node", "aggregator", "audit", "cli"):
            self.forbidden("common/exchange/a.h", f"{program}/a.h")

    def test_programs_do_not_include_each_other(self):
        self.forbidden("node/a.cc", "aggregator/aggregator.h")
        self.forbidden("aggregator/state/a.cc", "node/node.h")
        self.forbidden("audit/a.cc", "node/node.h")
        self.forbidden("audit/a.cc", "aggregator/indicators/cell.h")
        self.forbidden("cli/query/a.cc", "audit/report.h")
        self.forbidden("node/a.cc", "../aggregator/aggregator.h")
        self.forbidden("node/a.cc", "tests/support/temporary_directory.h")
        self.allowed("node/b.cc", "common/transport/peer.h")
        self.allowed("tests/node/b.cc", "node/node.h")

    def test_new_folders_need_a_layer(self):
        self.write("common/other/a.h")
        self.expect("common/other/a.h", 1, "no layer")

    def test_rocksdb_stays_in_the_stores(self):
        for path in ("common/records/a.cc", "node/node.cc", "audit/a.cc",
                     "aggregator/service/a.cc"):
            self.forbidden(path, "<rocksdb/db.h>")
        for path in ("common/ledger/b.cc", "node/record_index.cc",
                     "aggregator/journal/b.cc", "aggregator/state/b.h"):
            self.allowed(path, "rocksdb/db.h")

    def test_grpc_stays_at_the_edges(self):
        for path in ("common/exchange/a.cc", "node/sequencer.cc",
                     "aggregator/state/a.cc", "audit/replay.cc"):
            self.forbidden(path, "<grpcpp/grpcpp.h>")
            self.forbidden(path, "tongchou/v1/node.grpc.pb.h")
        for path in ("common/transport/b.h", "node/node_service.h",
                     "node/uplink_client.cc", "aggregator/service/b.cc",
                     "audit/fetch.h", "audit/command_line.cc", "cli/b.cc"):
            self.allowed(path, "grpcpp/grpcpp.h")

    def test_comments_include_nothing(self):
        self.allowed("node/b.cc", "node/a.h")
        self.expect_clean("node/c.cc", '// #include "audit/report.h"\n')


class Texts(HouseTest):
    def planted(self, path, line, what):
        self.write(path, f"first\n{line}\n")
        self.expect(path, 2, what)

    def test_common_has_no_evaluator(self):
        self.planted("common/base/a.h", "// as in K1.1", "K1.1")
        self.planted("common/records/a.cc", "CellKind kind;", "CellKind")
        self.planted("common/ledger/a.cc", "FigureGroup g;", "FigureGroup")
        self.planted("common/records/data/a.csv", "K3.gross", "K3.gross")
        self.expect_clean("aggregator/indicators/b.cc", "CellKind k;  // K1.1")
        self.expect_clean("common/base/b.cc", "constexpr int kK1 = 2.5;\n")

    def test_leftovers(self):
        for marker in ("TO" + "DO", "FIX" + "ME"):
            self.planted("node/a.cc", f"// {marker}: later", marker)
            self.planted("deploy/a.txt", marker, marker)

    def test_words_of_one_machine(self):
        for path in check_house.MACHINE_PATHS:
            self.planted("deploy/a", f"cd {path}x", path)
            self.planted("tests/a.py", f'A = "{path}"', path)
            self.expect_clean("deploy/b", f"$HOME{path}x ${{c}}{path}\n")
        for host in check_house.REGISTRY_HOSTS:
            self.planted("deploy/a.toml", f'at = "https://{host}/x"', host)
            self.expect_clean("deploy/b", f"my-{host} {host}s\n")

    def test_line_length(self):
        self.planted("tests/node/a.h", "x" * 81, "81 columns")
        self.planted("node/a.cc", "// " + "ä" * 78, "81 columns")
        self.expect_clean("node/b.cc", "x" * 80 + "\n// " + "é" * 77 + "\n")
        self.expect_clean("node/c.cc", "// https://a.example/" + "x" * 80)
        self.expect_clean("node/d.cc", "// 参保" + "x" * 80)
        self.expect_clean("deploy/b.txt", "x" * 100)


class Names(HouseTest):
    def test_names_that_say_nothing(self):
        for path in ("node/string_util.cc", "cli/misc.h", "node/helpers/a.h",
                     "aggregator/state_manager.h", "audit/replay_impl.cc",
                     "tests/helpers.py"):
            self.write(path)
            self.expect(path, 1, "says nothing")
        self.expect_clean("node/simple.cc")
        self.expect_clean("node/utility_bill.cc")

    def test_tests_that_nobody_builds(self):
        self.write("tests/node/a_test.cc")
        self.expect("tests/node/a_test.cc", 1, "CMakeLists")
        self.write("tests/node/CMakeLists.txt",
                   "tongchou_test(t SOURCES b_test.cc)  # not a_test.cc\n")
        self.write("tests/audit/b_test.cc")
        self.expect("tests/audit/b_test.cc", 1, "CMakeLists")
        self.expect_clean("tests/node/b_test.cc")
        self.write("tests/cli/CMakeLists.txt",
                   "t(${CMAKE_CURRENT_SOURCE_DIR}/c_test.cc\n"
                   "  ${CMAKE_SOURCE_DIR}/tests/cli/deep/d_test.cc)\n")
        self.expect_clean("tests/cli/c_test.cc")
        self.expect_clean("tests/cli/deep/d_test.cc")


class Functions(HouseTest):
    def functions(self, text):
        functions, trouble = check_house.find_functions(text)
        self.assertEqual(trouble, 0)
        return functions

    def test_long_functions(self):
        head = "namespace a {\nclass B {\n public:\n"
        self.write("node/a.h", head + "  int C() const {\n" + LONG_BODY
                   + "  }\n};\n}\n")
        self.expect("node/a.h", 4, "C has 62 lines")
        self.write("cli/a.cc", "template <typename T>\nvoid\nF(T t)\n{\n"
                   + LONG_BODY + "}\n")
        self.expect("cli/a.cc", 1, "F has 65 lines")
        body = LONG_BODY[:-2 * len("  Step();\n")]
        self.expect_clean("node/b.cc", "int F() {\n" + body + "}\n")
        self.expect_clean("tests/node/b.cc", "int F() {\n" + LONG_BODY + "}\n")

    def test_unbalanced_braces(self):
        self.write("node/a.cc", "int F() {\n  if (a) {\n}\n")
        self.expect("node/a.cc", 1, "braces")
        self.write("node/a.cc", "int F() {\n}\n}\n")
        self.expect("node/a.cc", 3, "braces")

    def test_what_is_a_function(self):
        for text, name in (
                ("void F(int a = 1) {\n}", "F"),
                ("void F(Options o = {}) {\n}", "F"),
                ("A::A() : b_{1}, c_(2) {\n}", "A::A"),
                ("A::A(int x)\n: B<int>{x} {\n}", "A::A"),
                ("A::A() : b_(C{1}, [] { return 1; }) {\n}", "A::A"),
                ("A& A::operator=(const A& a) {\n}", "A::operator="),
                ("bool operator()(int a) const {\n}", "operator()"),
                ("auto F() -> a::b<c> {\n}", "F"),
                ("struct S F() {\n}", "F"),
                ("const auto kF = [](int a) {\n};", "kF"),
                ("template <typename T = int>\nT F() noexcept(true) {\n}", "F"),
                ("[[nodiscard]] int F() {\n}", "F"),
                ("TEST_F(A, B) {\n}", "TEST_F(A, B)"),
                ("extern \"C\" {\nint F() {\n}\n}", "F"),
                ("static struct S {\n  int F() {\n  }\n} s;", "F"),
                ("class CAPABILITY(\"m\") A final : B {\n  A() {\n}\n};", "A")):
            with self.subTest(text):
                names = [found[0] for found in self.functions(text)]
                self.assertEqual(names, [name])

    def test_what_is_none(self):
        for text in ("int a[] = {\n1, 2};", "enum class A : int {\nb,\n};",
                     "constexpr A kA{\n1};", "std::function<void()> f{\n};",
                     "struct A {\nint b = 1;\n};", "namespace a::b {\n}"):
            with self.subTest(text):
                self.assertEqual(self.functions(text), [])

    def test_literals_and_directives(self):
        text = ("#define A(x) do { \\\n  x(\n"
                "int F() {  // {\n"
                "  /* { */ a('{', \"{\\\"{\", R\"x({\"{)x\", '\\'', 1'000);\n"
                "#if B\n  if (b) {\n#else\n  if (c) {\n#endif\n  }\n"
                "}\n"
                "int G() { return 0xF'F; }\n")
        self.assertEqual(self.functions(text), [("F", 3, 11), ("G", 12, 12)])


class Git(HouseTest):
    def test_only_tracked_files_count(self):
        def git(*arguments):
            subprocess.run(["git", "-C", str(self.root), *arguments],
                           check=True, capture_output=True)
        try:
            git("init")
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("git is not there")
        self.write("node/misc.cc")
        self.assertEqual(self.found(), [])
        self.assertEqual(len(check_house.violations(self.root, True)), 1)
        git("add", "node/misc.cc")
        self.expect("node/misc.cc", 1, "says nothing")

    def test_lines_for_people(self):
        self.write("node/misc.cc")
        run = subprocess.run(
            [sys.executable, check_house.__file__, str(self.root)],
            capture_output=True, text=True)
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stdout,
                         r"^node/misc\.cc:1: the name .*, name .*\n$")


if __name__ == "__main__":
    unittest.main()

// Errors: every function of ours that can fail returns absl::Status or
// absl::StatusOr. The makers below format their message with {fmt}:
//
//   return InvalidArgumentError("{}: port {} is taken; free it", file, port);
//
// A message says what, where and what to do next. Codes mean:
//   UNAVAILABLE          retry as is
//   ABORTED              redo from the start of the exchange
//   FAILED_PRECONDITION  something must be mended first
//   INVALID_ARGUMENT     never retry
//   DATA_LOSS            evidence of corruption
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tongchou::base {

inline absl::Status MakeStatus(absl::StatusCode code, std::string_view text) {
  return absl::Status(code, absl::string_view(text.data(), text.size()));
}

// The message as a std::string_view; valid while `status` lives.
inline std::string_view Message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// "code: message", for logs and command lines.
std::string Describe(const absl::Status& status);

// The same error with "where: " before its message.
absl::Status Annotate(const absl::Status& status, std::string_view where);

#define TONGCHOU_ERROR_MAKER(Name, Code)                                \
  template <typename... Args>                                           \
  absl::Status Name(fmt::format_string<Args...> text, Args&&... args) { \
    return MakeStatus(absl::StatusCode::Code,                           \
                      fmt::format(text, std::forward<Args>(args)...));  \
  }

TONGCHOU_ERROR_MAKER(InvalidArgumentError, kInvalidArgument)
TONGCHOU_ERROR_MAKER(NotFoundError, kNotFound)
TONGCHOU_ERROR_MAKER(AlreadyExistsError, kAlreadyExists)
TONGCHOU_ERROR_MAKER(PermissionDeniedError, kPermissionDenied)
TONGCHOU_ERROR_MAKER(ResourceExhaustedError, kResourceExhausted)
TONGCHOU_ERROR_MAKER(FailedPreconditionError, kFailedPrecondition)
TONGCHOU_ERROR_MAKER(AbortedError, kAborted)
TONGCHOU_ERROR_MAKER(OutOfRangeError, kOutOfRange)
TONGCHOU_ERROR_MAKER(UnimplementedError, kUnimplemented)
TONGCHOU_ERROR_MAKER(InternalError, kInternal)
TONGCHOU_ERROR_MAKER(UnavailableError, kUnavailable)
TONGCHOU_ERROR_MAKER(DataLossError, kDataLoss)
#undef TONGCHOU_ERROR_MAKER

// A broken invariant of our own: prints where and stops the process.
[[noreturn]] void Panic(std::string_view file, int line, std::string_view what);

}  // namespace tongchou::base

#define TONGCHOU_CONCAT_INNER(a, b) a##b
#define TONGCHOU_CONCAT(a, b) TONGCHOU_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expr)                                           \
  do {                                                                  \
    if (absl::Status tongchou_status = (expr); !tongchou_status.ok()) { \
      return tongchou_status;                                           \
    }                                                                   \
  } while (false)

// The names of variables cannot stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_INNER(TONGCHOU_CONCAT(statusor_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_INNER(var, lhs, expr) \
  auto var = (expr);                           \
  if (!var.ok()) return var.status();          \
  lhs = *std::move(var)
// NOLINTEND(bugprone-macro-parentheses)

// For invariants only, never for input, disk or peers.
#define TONGCHOU_CHECK(condition)                              \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::tongchou::base::Panic(__FILE__, __LINE__, #condition); \
  } while (false)

# With TONGCHOU_SANITIZE: what of the tests runs under it in continuous
# integration (ctest -L sanitizer, built by the target sanitizer_tests), and the
# options of all of them. Chosen by what each finds for the minutes that its
# build takes: memory and undefined behaviour where bytes are read and laid out,
# threads where there are several.
set(TONGCHOU_SANITIZED_TESTS)
if(TONGCHOU_SANITIZE MATCHES "address")
  set(TONGCHOU_SANITIZED_TESTS
    base_test exchange_test journal_test ledger_test records_test unified_test
    fuzz_bundle fuzz_config fuzz_csv fuzz_entry fuzz_exchange fuzz_guard
    fuzz_journal fuzz_logstore fuzz_note fuzz_profile)
elseif(TONGCHOU_SANITIZE MATCHES "thread")
  set(TONGCHOU_SANITIZED_TESTS
    base_test journal_test node_test unified_test)
endif()

# gRPC is not instrumented, and what its mutexes order looks like races.
set(TONGCHOU_SANITIZED_FILTER)
if(TONGCHOU_SANITIZE MATCHES "thread")
  set(TONGCHOU_SANITIZED_FILTER "GTEST_FILTER=-WriteCallsTest.*")
endif()
set(TONGCHOU_SANITIZER_OPTIONS
  ${TONGCHOU_SANITIZED_FILTER}
  "ASAN_OPTIONS=detect_stack_use_after_return=1"
  "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/sanitizers/thread.txt"
  "UBSAN_OPTIONS=print_stacktrace=1"
  "TONGCHOU_PROPERTY_SEEDS=4")
if(TONGCHOU_SANITIZE)
  add_custom_target(sanitizer_tests)
endif()

# Of every test, once it is added.
function(tongchou_sanitized name)
  if(NOT TONGCHOU_SANITIZE)
    return()
  endif()
  set_property(TEST ${name} APPEND PROPERTY
    ENVIRONMENT ${TONGCHOU_SANITIZER_OPTIONS})
  set_property(TEST ${name} PROPERTY TIMEOUT 900)
  if(name IN_LIST TONGCHOU_SANITIZED_TESTS)
    set_property(TEST ${name} APPEND PROPERTY LABELS sanitizer)
    add_dependencies(sanitizer_tests ${name})
  endif()
endfunction()

# tongchou_library(ledger SOURCES a.cc b.cc DEPS tongchou::base PRIVATE_DEPS RocksDB::rocksdb-shared)
# makes the library tongchou_ledger and its only public name tongchou::ledger.
function(tongchou_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(tongchou_${name} STATIC ${ARG_SOURCES})
  add_library(tongchou::${name} ALIAS tongchou_${name})
  target_include_directories(tongchou_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(tongchou_${name}
    PUBLIC ${ARG_DEPS}
    PRIVATE tongchou_options ${ARG_PRIVATE_DEPS})
endfunction()

# tongchou_program(tongchou-node SOURCES main.cc DEPS tongchou::node)
function(tongchou_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} tongchou_options)
endfunction()

# tongchou_test(ledger_test SOURCES a_test.cc DEPS tongchou::ledger [LABEL integration] [TIMEOUT 120])
# registers one executable with ctest; LABEL defaults to unit.
function(tongchou_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE
    ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main tongchou_options)
  target_compile_definitions(${name} PRIVATE
    TONGCHOU_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data"
    TONGCHOU_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
  tongchou_sanitized(${name})
endfunction()

# sv_module(<folder> [USES <modules>...] [SYSTEM <targets>...] [TEST_USES <modules>...])
#
# One folder under lib/ = one static library. Its include/ is what its users see, its src/
# is private; every src/*_test.c becomes a ctest entry, every src/*_fuzz.c a fuzz target whose
# corpus (src/*_corpus/) is replayed as an ordinary test.
# A module sees only the headers of the modules it USES (and of base, which everybody sees): the
# layering is checked by the compiler, on every build.
function(sv_module name)
  cmake_parse_arguments(PARSE_ARGV 1 M "" "" "USES;SYSTEM;TEST_USES")
  file(GLOB sources CONFIGURE_DEPENDS src/*.c)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.c$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.c$")
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.c$")
  list(TRANSFORM M_USES PREPEND sv_)
  list(TRANSFORM M_TEST_USES PREPEND sv_)
  if(NOT name MATCHES "^(base|boot)$")
    list(APPEND M_USES sv_base)
  endif()

  add_library(sv_${name} STATIC ${sources})
  # PRIVATE: what you do not name, you do not see.
  target_include_directories(sv_${name} PUBLIC include PRIVATE src)
  target_link_libraries(sv_${name} PRIVATE ${M_USES} ${M_SYSTEM})

  if(BUILD_TESTING)
    foreach(file ${tests})
      get_filename_component(stem ${file} NAME_WE)
      sv_unit_test(${name}.${stem} ${file} sv_${name} ${M_USES} ${M_TEST_USES})
    endforeach()
    foreach(file ${fuzzers})
      get_filename_component(stem ${file} NAME_WE)
      sv_corpus_test(${name}.${stem} ${file} sv_${name} ${M_USES} ${M_TEST_USES} ${M_SYSTEM})
    endforeach()
  endif()

  if(SV_FUZZ)
    foreach(file ${fuzzers})
      get_filename_component(stem ${file} NAME_WE)
      sv_fuzz_target(${name}.${stem} ${file} sv_${name} ${M_USES} ${M_TEST_USES} ${M_SYSTEM})
    endforeach()
  endif()
endfunction()

# Tests link what was compiled, and programs what LTO makes of the whole: there a call that a test answers itself
# (--wrap) is no call any more. And hundreds of tests are linked in a fraction of the time.
set(sv_apart OFF)
if(BUILD_TESTING AND CMAKE_INTERPROCEDURAL_OPTIMIZATION)
  check_c_compiler_flag("-Werror -ffat-lto-objects" has_fat_lto_objects)
  if(has_fat_lto_objects)
    add_compile_options(-ffat-lto-objects)
    set(sv_apart ON)
  endif()
endif()
function(sv_link_apart target)
  if(sv_apart)
    set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
    target_link_options(${target} PRIVATE -fno-lto)
  endif()
endfunction()

# One cmocka program = one ctest entry of the same name.
function(sv_unit_test target file)
  add_executable(${target} ${file})
  sv_link_apart(${target})
  target_include_directories(${target} PRIVATE src)
  target_link_libraries(${target} PRIVATE ${ARGN} cmocka m)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES TIMEOUT 300 LABELS unit)
endfunction()

# The folder of the corpus beside <stem>_fuzz.c.
function(sv_corpus_of file out)
  get_filename_component(file ${file} ABSOLUTE)
  string(REGEX REPLACE "_fuzz\\.c$" "_corpus" corpus ${file})
  set(${out} ${corpus} PARENT_SCOPE)
endfunction()

# A libFuzzer program in fuzz/, and beside it, as <name>.corpus, the way to its corpus.
function(sv_fuzz_target target file)
  sv_corpus_of(${file} corpus)
  add_executable(${target} ${file})
  target_include_directories(${target} PRIVATE src)
  target_link_libraries(${target} PRIVATE ${ARGN} -fsanitize=fuzzer)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  file(CREATE_LINK ${corpus} ${CMAKE_BINARY_DIR}/fuzz/${target}.corpus SYMBOLIC)
endfunction()

# Replays <stem>_corpus/ and cuts of each file through the fuzz target, without libFuzzer.
function(sv_corpus_test target file)
  sv_corpus_of(${file} corpus)
  add_executable(${target}.corpus ${file} ${CMAKE_SOURCE_DIR}/tests/support/corpus_main.c)
  sv_link_apart(${target}.corpus)
  target_include_directories(${target}.corpus PRIVATE src)
  target_link_libraries(${target}.corpus PRIVATE ${ARGN})
  set_target_properties(${target}.corpus PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${target}.corpus COMMAND ${target}.corpus ${corpus})
  set_tests_properties(${target}.corpus PROPERTIES TIMEOUT 300 LABELS unit)
endfunction()

# sv_program(<name> USES <modules>...) : apps/<folder>/*.c -> one executable, and its *_test.c and
# *_fuzz.c beside it, which link all of it but main.c
function(sv_program name)
  cmake_parse_arguments(PARSE_ARGV 1 P "" "" "USES;SYSTEM")
  file(GLOB sources CONFIGURE_DEPENDS *.c)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.c$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.c$")
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.c$")
  list(TRANSFORM P_USES PREPEND sv_)
  # The program is its parts plus main.c, so that tests link the parts.
  set(parts ${sources})
  list(FILTER parts EXCLUDE REGEX "/main\\.c$")
  add_library(${name}-parts STATIC ${parts})
  target_include_directories(${name}-parts PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name}-parts PUBLIC ${P_USES} sv_base ${P_SYSTEM} m)
  add_executable(${name} main.c)
  target_link_libraries(${name} PRIVATE ${name}-parts)
  install(TARGETS ${name})
  if(BUILD_TESTING)
    foreach(file ${tests})
      get_filename_component(stem ${file} NAME_WE)
      sv_unit_test(${name}.${stem} ${file} ${name}-parts)
    endforeach()
    foreach(file ${fuzzers})
      get_filename_component(stem ${file} NAME_WE)
      sv_corpus_test(${name}.${stem} ${file} ${name}-parts cmocka)
    endforeach()
  endif()
  if(SV_FUZZ)
    foreach(file ${fuzzers})
      get_filename_component(stem ${file} NAME_WE)
      sv_fuzz_target(${name}.${stem} ${file} ${name}-parts cmocka)
    endforeach()
  endif()
endfunction()

# sv_embed(<target> <symbol> <file>): the file's bytes as `const char <symbol>[]`, followed by one
# NUL, and `const char <symbol>_end[]` at that NUL.
function(sv_embed target symbol file)
  get_filename_component(file ${file} ABSOLUTE)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.S)
  file(CONFIGURE OUTPUT ${out} CONTENT ".section .rodata
.global ${symbol}
.global ${symbol}_end
.balign 16
${symbol}:
.incbin \"${file}\"
${symbol}_end:
.byte 0
.section .note.GNU-stack,\"\",%progbits
")
  set_source_files_properties(${out} PROPERTIES OBJECT_DEPENDS ${file})
  target_sources(${target} PRIVATE ${out})
endfunction()

# sv_scenario(<name> <script> [TIMEOUT <seconds>]): a story told with the real programs.
function(sv_scenario name script)
  cmake_parse_arguments(PARSE_ARGV 2 S "" "TIMEOUT" "")
  if(NOT S_TIMEOUT)
    set(S_TIMEOUT 300)
  endif()
  add_test(NAME scenario.${name} COMMAND ${script})
  set_tests_properties(scenario.${name} PROPERTIES TIMEOUT ${S_TIMEOUT} LABELS scenario
    ENVIRONMENT "SV_BIN=${CMAKE_BINARY_DIR}/bin;SV_SOURCE=${CMAKE_SOURCE_DIR}")
endfunction()

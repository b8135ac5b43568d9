# mr_library(NAME SOURCES … LINK …): the static library of one folder.
# mr_test(NAME SOURCES … LINK …): a cmocka program, run by ctest.
# mr_fuzzer(NAME SOURCES … CORPUS dir LINK …): a fuzz target. Always built as a
#   plain program that runs every file of its corpus (ctest does); with -DMR_FUZZ=ON
#   and clang also as a libFuzzer binary fuzz_NAME.
add_library(mr_options INTERFACE)
target_compile_definitions(mr_options INTERFACE _GNU_SOURCE MR_VERSION="${PROJECT_VERSION}")
target_include_directories(mr_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(mr_options INTERFACE
  -Wall -Wextra $<$<COMPILE_LANGUAGE:C>:-Wconversion -Wstrict-prototypes -Wmissing-prototypes>
  $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation> # long names in messages are cut on purpose
  # To clang an enum is unsigned, and a member of type int that holds one a change of sign.
  $<$<COMPILE_LANG_AND_ID:C,Clang>:-Wno-sign-conversion>
  -Wshadow -fno-strict-aliasing -fvisibility=hidden -fno-omit-frame-pointer)
if(MR_WERROR)
  target_compile_options(mr_options INTERFACE -Werror)
endif()
if(MR_SANITIZE)
  target_compile_options(mr_options INTERFACE -fsanitize=${MR_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(mr_options INTERFACE -fsanitize=${MR_SANITIZE})
endif()
if(MR_FUZZ)
  # libFuzzer sees only what is built so: without, it knows nothing of the code it feeds.
  target_compile_options(mr_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(mr_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

function(mr_library name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_link_libraries(${name} PUBLIC mr_options ${A_LINK})
endfunction()

function(mr_test name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE mr_options ${A_LINK} PkgConfig::CMOCKA)
  target_compile_options(${name} PRIVATE -Wno-missing-prototypes)
  target_compile_definitions(${name} PRIVATE MR_VECTORS="${PROJECT_SOURCE_DIR}/tests/vectors")
  add_test(NAME ${name} COMMAND ${name})
endfunction()

function(mr_fuzzer name)
  cmake_parse_arguments(A "" "CORPUS" "SOURCES;LINK" ${ARGN})
  add_executable(corpus_${name} ${A_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz/run_corpus.c)
  target_link_libraries(corpus_${name} PRIVATE mr_options ${A_LINK})
  target_compile_options(corpus_${name} PRIVATE -Wno-missing-prototypes)
  add_test(NAME corpus_${name} COMMAND corpus_${name} ${A_CORPUS})
  if(MR_FUZZ)
    add_executable(fuzz_${name} ${A_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE mr_options ${A_LINK} -fsanitize=fuzzer)
    target_compile_options(fuzz_${name} PRIVATE -Wno-missing-prototypes -fsanitize=fuzzer)
  endif()
endfunction()

# Warnings and hardening, each line used only where the compiler knows it.
include(CheckCCompilerFlag)
include(CheckCSourceRuns)

function(sv_flags)
  foreach(flag ${ARGN})
    string(MAKE_C_IDENTIFIER "has${flag}" has)
    check_c_compiler_flag("-Werror ${flag}" ${has})
    if(${has})
      add_compile_options(${flag})
    endif()
  endforeach()
endfunction()

sv_flags(
  -Wall -Wextra -Wshadow -Wundef -Wvla -Walloca -Wformat=2 -Wwrite-strings -Wcast-qual
  -Wcast-align=strict -Wpointer-arith -Wconversion -Wsign-conversion -Wdouble-promotion
  -Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition -Wredundant-decls
  -Wimplicit-fallthrough=5 -Wswitch-enum -Wdate-time -Wlogical-op -Wduplicated-cond
  -Wduplicated-branches -Wtrampolines -Wbidi-chars=any,ucn -Wuse-after-free=3 -Wcomma
  -Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion -Werror=return-type
  -Werror=unused-result)
sv_flags(-fno-common -fno-strict-aliasing -fvisibility=hidden -fstack-protector-strong
         -fstack-clash-protection -fcf-protection=full -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)

if(SV_SANITIZE)
  add_compile_options(-fsanitize=${SV_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SV_SANITIZE})
  sv_flags(-ftrivial-auto-var-init=pattern)
else()
  add_compile_definitions($<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=3>)
  sv_flags(-ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr)
  # Nothing here throws, or walks its own stack: what a debugger needs for that is in the debug sections (-g), which
  # may be stripped into a file beside the program. All that is called is found at the start (-z now), and needs no
  # stub that finds it later. What nobody calls is left out, also by a compiler that does not look at the whole. [updater-46]
  add_compile_options($<$<NOT:$<CONFIG:Debug>>:-fno-asynchronous-unwind-tables> -fno-plt -ffunction-sections -fdata-sections)
  add_link_options($<$<NOT:$<CONFIG:Debug>>:-fno-asynchronous-unwind-tables> -fno-plt LINKER:--gc-sections)
  # Where a program lies is written into its tables when it starts: one bit a place instead of 24 bytes. A library is
  # left as an older libc reads it. A linker may know the word and not the mark that libc wants with it: it has to run.
  if(NOT CMAKE_CROSSCOMPILING)
    set(CMAKE_REQUIRED_LINK_OPTIONS LINKER:-z,pack-relative-relocs)
    check_c_source_runs("static const char *words[] = { 0, \"a\" }; int main(int n, char **v) { words[0] = v[0]; return words[n] == 0; }"
                        has_packed_relocations)
    unset(CMAKE_REQUIRED_LINK_OPTIONS)
  endif()
  if(has_packed_relocations)
    add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:LINKER:-z,pack-relative-relocs>)
  endif()
endif()
# sv_small(TARGETS <targets>... | SOURCES <files>...): what runs seldom, or waits for disks and networks, is compiled to
# take little room. A source's own COMPILE_OPTIONS come behind its target's.
function(sv_small kind)
  if(kind STREQUAL TARGETS)
    foreach(target ${ARGN})
      target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-Os>)
    endforeach()
  else()
    set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS $<$<NOT:$<CONFIG:Debug>>:-Os>)
  endif()
endfunction()
add_link_options(LINKER:-z,relro,-z,now,-z,noexecstack LINKER:--as-needed)
# Everything compiled here keeps to a shadow stack; libc's own start files of Debian 12 do not say so of
# themselves, and the linker would leave the mark out.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_link_options(LINKER:-z,shstk)
endif()

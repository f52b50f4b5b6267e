# Warnings and hardening, each line used only where the compiler knows it.
include(CheckCCompilerFlag)

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
endif()
add_link_options(LINKER:-z,relro,-z,now,-z,noexecstack LINKER:--as-needed)
# Everything compiled here keeps to a shadow stack; libc's own start files of Debian 12 do not say so of
# themselves, and the linker would leave the mark out.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_link_options(LINKER:-z,shstk)
endif()

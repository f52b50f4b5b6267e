# The Debian packages behind the modules, as imported targets. Which module may name which is
# DESIGN: one module, one library (docs/architecture.md).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(yaml REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(kissfft REQUIRED IMPORTED_TARGET kissfft-float)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(libcrypto REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(libssl REQUIRED IMPORTED_TARGET libssl)
# Their headers alone: these libraries are loaded when a key in a TPM is asked for.
pkg_check_modules(tss2 REQUIRED tss2-esys tss2-mu tss2-tctildr)
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
# The header of PKCS#11 alone: a token's module is loaded when a key in it is asked for.
pkg_check_modules(p11_kit REQUIRED p11-kit-1)
pkg_check_modules(ubootenv REQUIRED IMPORTED_TARGET libubootenv)
# The headers of sd-bus alone: libsystemd is loaded where RAUC is asked for.
pkg_check_modules(systemd REQUIRED libsystemd)
pkg_check_modules(event_core REQUIRED IMPORTED_TARGET libevent_core)
pkg_check_modules(event_extra REQUIRED IMPORTED_TARGET libevent_extra)
pkg_check_modules(event_openssl REQUIRED IMPORTED_TARGET libevent_openssl)
# What they need is in libevent_core; their .pc files name libevent as well, which is all of it a second time in
# the memory of each program.
foreach(part event_extra event_openssl)
  get_target_property(libraries PkgConfig::${part} INTERFACE_LINK_LIBRARIES)
  list(FILTER libraries EXCLUDE REGEX "libevent\\.(so|a)$")
  set_property(TARGET PkgConfig::${part} PROPERTY INTERFACE_LINK_LIBRARIES ${libraries})
endforeach()
# Static on purpose: what judges at start depends on nothing that could be exchanged. It has no
# pkg-config file.
find_library(BEARSSL_LIBRARY NAMES libbearssl.a REQUIRED)
find_path(BEARSSL_INCLUDE bearssl.h REQUIRED)
add_library(bearssl STATIC IMPORTED GLOBAL)
set_target_properties(bearssl PROPERTIES IMPORTED_LOCATION ${BEARSSL_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${BEARSSL_INCLUDE})
# Boosted trees, for selvedge-train alone; the package has no pkg-config file.
find_library(SV_XGBOOST xgboost REQUIRED)
add_library(sv_xgboost INTERFACE)
target_link_libraries(sv_xgboost INTERFACE ${SV_XGBOOST})

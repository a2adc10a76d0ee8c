# Programs linked with the watched heap (harness/heap.h). TAP on stdout.
file(GLOB SC_HARNESS CONFIGURE_DEPENDS harness/*.c)
add_library(harness STATIC ${SC_HARNESS})
target_include_directories(harness PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_compile_definitions(harness PRIVATE STOPCODE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_link_libraries(harness PUBLIC forge)

set(HARNESS_WRAP "")
foreach(function malloc calloc realloc free strdup strndup pread)
  list(APPEND HARNESS_WRAP -Wl,--wrap=${function})
endforeach()

# A program NAME of SOURCE that watches its heap.
function(watched name source)
  add_executable(${name} ${source})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE harness stopcode_static ${CMAKE_DL_LIBS})
  target_link_options(${name} PRIVATE ${HARNESS_WRAP})
endfunction()

watched(hostile hostile/hostile.c)
add_test(NAME hostile/hostile
         COMMAND hostile --keep ${CMAKE_BINARY_DIR}/hostile-failures)

watched(fault fault/fault.c)
add_test(NAME fault/fault COMMAND fault)

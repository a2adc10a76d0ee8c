# Programs linked with the watched heap (harness/heap.h). TAP on stdout.
file(GLOB SC_HARNESS CONFIGURE_DEPENDS harness/*.c)
add_library(harness STATIC ${SC_HARNESS})
target_include_directories(harness PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_compile_definitions(harness PRIVATE STOPCODE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                           PUBLIC HARNESS_KEEP="${CMAKE_BINARY_DIR}/failures")
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
# Damaged files beyond number belong under the sanitizers; the ordinary build looks at fewer.
set(MUTATIONS 300)
if("${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_DEBUG}" MATCHES "sanitize=address")
  set(MUTATIONS 10000)
endif()
add_test(NAME hostile/hostile COMMAND hostile --mutations ${MUTATIONS})

watched(fault fault/fault.c)
add_test(NAME fault/fault COMMAND fault)
watched(fault_symbols fault/fault_symbols.c)
add_test(NAME fault/symbols COMMAND fault_symbols)
watched(fault_stack fault/fault_stack.c)
add_test(NAME fault/stack COMMAND fault_stack)
watched(fault_unwind fault/fault_unwind.c)
add_test(NAME fault/unwind COMMAND fault_unwind)

watched(fault_hiber fault/fault_hiber.c)
add_test(NAME fault/hiber COMMAND fault_hiber)
watched(fault_wrapped fault/fault_wrapped.c)
add_test(NAME fault/wrapped COMMAND fault_wrapped)
watched(fault_whole fault/fault_whole.c)
add_test(NAME fault/whole COMMAND fault_whole)
watched(fault_memstore fault/fault_memstore.c)
add_test(NAME fault/memstore COMMAND fault_memstore)
watched(fault_memory fault/fault_memory.c)
add_test(NAME fault/memory COMMAND fault_memory)

watched(fault_convert fault/fault_convert.c)
target_link_libraries(fault_convert PRIVATE cmocka)
add_test(NAME fault/convert COMMAND fault_convert)

watched(fault_batch fault/fault_batch.c)
add_test(NAME fault/batch COMMAND fault_batch)

watched(fault_objects fault/fault_objects.c)
target_link_libraries(fault_objects PRIVATE cmocka)
add_test(NAME fault/objects COMMAND fault_objects)
watched(fault_kobjects fault/fault_kobjects.c)
target_link_libraries(fault_kobjects PRIVATE forge)
add_test(NAME fault/kobjects COMMAND fault_kobjects)
watched(fault_explain fault/fault_explain.c)
target_link_libraries(fault_explain PRIVATE cmocka)
add_test(NAME fault/explain COMMAND fault_explain)
watched(fault_blame fault/fault_blame.c)
add_test(NAME fault/blame COMMAND fault_blame)

watched(fault_user fault/fault_user.c)
target_link_libraries(fault_user PRIVATE cmocka)
add_test(NAME fault/user COMMAND fault_user)

# Run by fault/test_commands.py, which makes its dumps.
watched(fault_commands fault/fault_commands.c)

watched(fault_processes fault/fault_processes.c)
add_test(NAME fault/processes COMMAND fault_processes)

watched(fault_vm fault/fault_vm.c)
target_link_libraries(fault_vm PRIVATE cmocka)
add_test(NAME fault/vm COMMAND fault_vm)

watched(fault_pool fault/fault_pool.c)
target_link_libraries(fault_pool PRIVATE cmocka)
add_test(NAME fault/pool COMMAND fault_pool)

watched(store_fault store/store_fault.c)
add_test(NAME store/fault COMMAND store_fault)

# Fuzz targets: fuzz/fuzz_NAME.c. A replay program for the ordinary tests always; with the preset
# fuzz (clang) also the fuzzer itself.
add_library(fuzz_common STATIC fuzz/watched_run.c fuzz/dump_run.c)
target_link_libraries(fuzz_common PUBLIC harness)
file(GLOB SC_FUZZ CONFIGURE_DEPENDS fuzz/fuzz_*.c)
foreach(source ${SC_FUZZ})
  get_filename_component(program ${source} NAME_WE)
  string(REPLACE "fuzz_" "" name ${program})
  watched(replay_${name} ${source})
  target_sources(replay_${name} PRIVATE fuzz/replay.c)
  target_compile_definitions(replay_${name}
                             PRIVATE STOPCODE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_link_libraries(replay_${name} PRIVATE fuzz_common harness stopcode_static)
  add_test(NAME fuzz/${name} COMMAND replay_${name})
  if(STOPCODE_FUZZ)
    watched(${program} ${source})
    target_sources(${program} PRIVATE fuzz/libfuzzer.c)
    target_link_libraries(${program} PRIVATE fuzz_common harness stopcode_static)
    target_link_options(${program} PRIVATE -fsanitize=fuzzer)
  endif()
endforeach()

# pages.cmake - fails when a generated page of docs/ is not what the programs print.
# ctest runs it with -DDOCS=… and -DMR_CORE=… and so on; `cmake -DWRITE=ON …` writes the pages.
# A row: program, what it is asked to print, the page.
set(pages
  "MR_CORE reference-task reference-task.md"
  "MR_CORE reference-errors reference-errors.md"
  "MR_CORE reference-config reference-config.md"
  "MR_CORE sample-config core.conf.sample"
  "MR_SERVER reference-config reference-config-server.md"
  "MR_SERVER reference-api reference-api.md"
  "MR_SERVER sample-config server.conf.sample"
  "MR_MONITOR reference-config reference-config-monitor.md"
  "MR_MONITOR reference-rules reference-rules.md"
  "MR_MONITOR sample-config monitor.conf.sample"
  "MRCTL reference reference-mrctl.md")
set(stale "")
foreach(row ${pages})
  string(REPLACE " " ";" row "${row}")
  list(GET row 0 program)
  list(GET row 1 page)
  list(GET row 2 file)
  set(file "${DOCS}/${file}")
  execute_process(COMMAND ${${program}} --print ${page}
    OUTPUT_VARIABLE text RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${${program}} --print ${page} ended with ${status}")
  endif()
  if(WRITE)
    file(WRITE ${file} "${text}")
    continue()
  endif()
  set(kept "")
  if(EXISTS ${file})
    file(READ ${file} kept)
  endif()
  if(NOT kept STREQUAL text)
    list(APPEND stale ${file})
  endif()
endforeach()
if(stale)
  message(FATAL_ERROR "not what the programs print: ${stale}; `ninja pages` writes them anew")
endif()

# What the Debian packages are called, need and say. Each carries LICENSE as its copyright and the changelog.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "rdrop maintainers <maintainers@rdrop.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL programs library development)
if(TARGET rdrop-mpi)
  list(APPEND CPACK_COMPONENTS_ALL mpi)
endif()
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE https://arxiv.org/abs/2106.14448)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_VERSION ${PROJECT_VERSION})
# 0755, whatever the umask of who builds.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME rdrop)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_RECOMMENDS bash-completion)
set(CPACK_COMPONENT_PROGRAMS_DESCRIPTION "training with R-Drop, translation, classification and scoring
 Trains translation, summarization, language, classification and image models
 from recipes, with the two passes and the KL term of R-Drop, and runs and
 scores them, on ordinary processors.")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SUGGESTS rdrop-mpi)
set(CPACK_DEBIAN_MPI_PACKAGE_NAME rdrop-mpi)
set(CPACK_DEBIAN_MPI_PACKAGE_SECTION science)
set(CPACK_DEBIAN_MPI_PACKAGE_DEPENDS "rdrop (= ${PROJECT_VERSION}), openmpi-bin")
set(CPACK_COMPONENT_MPI_DESCRIPTION "training with R-Drop, translation, classification and scoring: several machines
 Lets mpirun and srun start rdrop-train, rdrop-translate and rdrop-preprocess
 as ranks that work together.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME librdrop${RD_ABI})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "R-Drop, translation and scoring as a library
 The shared library with the loss of R-Drop, tokenizers, models, translation
 and scores.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME librdrop-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
# pkg-config wants the files of all libraries, which the static one needs, even for the shared one.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "librdrop${RD_ABI} (= ${PROJECT_VERSION}), libopenblas-openmp-dev | libopenblas-dev, \
libsentencepiece-dev, libyaml-dev, libjansson-dev, libzip-dev, zlib1g-dev, libicu-dev, libstemmer-dev, libjpeg-dev, libpng-dev")
if(TARGET OneDNN::OneDNN)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libdnnl-dev")
endif()
if(RD_PC_MECAB)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libmecab-dev")
endif()
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "R-Drop, translation and scoring as a library: development
 Headers, the static library, and files for pkg-config and CMake.")

# ldconfig when the library comes and goes.
file(WRITE ${CMAKE_BINARY_DIR}/package/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/package/triggers)

find_program(GZIP gzip)
execute_process(COMMAND ${GZIP} -9nc ${CMAKE_SOURCE_DIR}/.github/CHANGELOG.md
                OUTPUT_FILE ${CMAKE_BINARY_DIR}/package/changelog.gz)
foreach(component ${CPACK_COMPONENTS_ALL})
  string(TOUPPER ${component} upper)
  set(folder ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  install(FILES LICENSE DESTINATION ${folder} RENAME copyright COMPONENT ${component})
  install(FILES ${CMAKE_BINARY_DIR}/package/changelog.gz DESTINATION ${folder} COMPONENT ${component})
endforeach()
include(CPack)

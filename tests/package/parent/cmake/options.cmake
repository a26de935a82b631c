# Has the name of one of dlengine's files, which must not be taken for it.
set(INCLUDED_OPTIONS ${PROJECT_SOURCE_DIR})

# Filled with the package: programs, plugins, headers, find_package(operon).

# SPDX-License-Identifier: Apache-2.0
# From PROGRAM_INTERPRETER: what an installed program begins with.

set(PROGRAM_FIRST_LINES "#!${PROGRAM_INTERPRETER}")
# The kernel cuts an interpreter's path at a space and at 127 characters: there a shell starts it, as pip's programs do.
# ("/usr/bin/env python3" is no such path.)
string(LENGTH "${PROGRAM_FIRST_LINES}" length)
if(EXISTS "${PROGRAM_INTERPRETER}" AND (PROGRAM_INTERPRETER MATCHES "[ \t]" OR length GREATER 127))
  set(PROGRAM_FIRST_LINES "#!/bin/sh\n'''exec' \"${PROGRAM_INTERPRETER}\" \"$0\" \"$@\"\n' '''")
endif()

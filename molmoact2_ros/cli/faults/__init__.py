# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 faults`: inject one fault at a time into the real graph, and prove that each stops the arm."""

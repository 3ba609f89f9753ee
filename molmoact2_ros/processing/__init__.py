# SPDX-License-Identifier: Apache-2.0
"""The input and output protocol of MolmoAct2: images, prompt, state tokens, normalisation, action tokens.

numpy and tokenizers only. Modules are imported one by one, so that resizing images loads no tokenizer.
"""

# SPDX-License-Identifier: Apache-2.0
"""Run MolmoAct2 vision-language-action models on real robots, over ROS 2, under supervision."""

from pkgutil import extend_path

# The messages generated from msg/ may be installed in another place than this folder (a checkout next to an
# environment); both make up the one package.
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"

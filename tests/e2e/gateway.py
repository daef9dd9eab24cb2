# SPDX-License-Identifier: Apache-2.0
"""`edgetap gateway` as a user who may do nothing, and files that this user may read."""
import os

import lib

NOBODY = 65534


def secret(path, text):
    """A file that root and the gateway alone can read."""
    path.write_text(text)
    path.chmod(0o600)
    os.chown(path, NOBODY, NOBODY)
    return path


class Gateway(lib.Metrics):
    """On a port of its own."""

    def __init__(self, env, config, flags=(), scheme="http"):
        self.port = lib.free_port()
        super().__init__(f"{scheme}://127.0.0.1:{self.port}")
        self.config = env.dir / f"gateway-{self.port}.yaml"
        self.config.write_text(config)
        # which the build folder may keep from others
        program = env.renamed(lib.EDGETAP, "edgetap-gateway")
        argv = [program, "gateway", "--listen", f"127.0.0.1:{self.port}", "--config", self.config, *flags]
        self.process = env.start(argv, name="gateway", user=NOBODY, group=NOBODY, extra_groups=[])
        lib.listening(self.port, owner=self.process)

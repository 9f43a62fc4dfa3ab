"""`simile serve` in a process of its own: started, listened to, stopped."""

import subprocess
import sys
import threading


class Serving:
    """A running `simile serve`, and what it has said on stderr."""

    def __init__(self, arguments: list[str], environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simile.cli.main", "serve", *arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=environ,
            text=True,
            encoding="utf-8",
        )
        self.said: list[str] = []
        self._ready = threading.Event()
        self._heard = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self._heard:
                self.said.append(line)
                self._heard.notify_all()
            if "curl " in line:
                self._ready.set()
        self._ready.set()

    @property
    def url(self) -> str:
        assert self._ready.wait(60)
        line = next((line for line in self.said if "ready on " in line), "")
        assert line, self.said
        return line.partition("ready on ")[2].partition(";")[0]

    def wait_to_say(self, text: str) -> None:
        """Wait until a line with this text comes; fail if none does."""
        with self._heard:
            assert self._heard.wait_for(lambda: any(text in line for line in self.said), 30)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()

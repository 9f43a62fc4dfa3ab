"""Answer the routes that change which models are here or loaded: parse, call, render.

Knows the hub, its pulls and the residency; does not know JSON keys, status codes or sockets.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from simile.engine.residency import Residency
from simile.errors import InputError, ModelNotFoundError, OverloadedError
from simile.hub.names import ModelName
from simile.server.errors import NotOfferedError, PullOffError
from simile.server.http.endpoint import Call, Response
from simile.server.http.streaming import Stream, attended
from simile.server.local_models import LocalModels
from simile.server.model_names import AskedModel, not_found
from simile.server.ollama import changes as ollama_store
from simile.server.ollama import chat as ollama_chat
from simile.server.ollama.chat import ChatRequest, Reason
from simile.server.pulls import Pull, Pulls

_CHANGES = 2
_MAX_CHANGES = 32
_NO_BLOBS = (
    "this server does not create models; put a checkpoint's files into a folder inside one that"
    " SIMILE_MODEL_FOLDERS lists and pull its name, or pull hf.co/ORG/REPO"
)


class ChangeHandlers:
    """The answers of one server about its models on disk."""

    def __init__(self, models: LocalModels, residency: Residency, *, allow_pull: bool) -> None:
        self._models = models
        self._residency = residency
        self._pulls = Pulls(models.hub)
        self._allow_pull = allow_pull
        # Changes may wait for each other; reading what is here never waits for them.
        self._waiting = 0
        self._threads = ThreadPoolExecutor(_CHANGES, thread_name_prefix="simile-change")

    async def pull(self, call: Call) -> Response | Stream:
        """POST /api/pull."""
        if not self._allow_pull:
            raise PullOffError("this server pulls no models: it was started with --no-pull")
        request = await call.read(ollama_store.parse_pull)
        name = request.name.display
        lines = self._pull_lines(name, self._pulls.join(name, insecure=request.insecure))
        if request.stream:
            return Stream(lines, call.gone)
        async with attended(call.gone), aclosing(lines):
            async for _ in lines:
                pass
        return Response(ollama_store.render_status("success"))

    async def _pull_lines(self, name: str, pull: Pull) -> AsyncGenerator[bytes]:
        reported = False
        try:
            yield ollama_store.render_status("pulling manifest") + b"\n"
            async for step in pull.steps():
                reported = True
                yield ollama_store.render_step(step)
            if not reported:
                yield ollama_store.render_present(pull.model)
            yield ollama_store.render_status("success") + b"\n"
        except ModelNotFoundError as exc:
            text = f"pull model manifest: file does not exist: {exc}"
            raise ModelNotFoundError(text) from exc
        finally:
            self._pulls.leave(name, pull)

    async def delete(self, call: Call) -> Response:
        """DELETE /api/delete; the model is unloaded first."""
        text, name = await call.read(ollama_store.parse_delete)
        await self._unload(name)
        try:
            await self._change(self._models.hub.remove, name.display)
        except ModelNotFoundError as exc:
            raise not_found(text, "plain") from exc
        return Response(b"")

    async def copy(self, call: Call) -> Response:
        """POST /api/copy; a model that had the name before is unloaded."""
        request = await call.read(ollama_store.parse_copy)
        source, destination = request.from_name, request.to_name
        await asyncio.to_thread(self._models.find, AskedModel(request.source, source), "quoted")
        if source != destination:
            await self._unload(destination)
        await self._change(self._models.hub.copy, source.display, destination.display)
        return Response(b"")

    async def _change(self, change: Callable[..., object], *names: str) -> None:
        """Change the models on disk, in a thread of few. Raises OverloadedError if many wait."""
        if self._waiting >= _MAX_CHANGES:
            raise OverloadedError(f"{self._waiting} changes of models are waiting")
        self._waiting += 1
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, change, *names)
        finally:
            self._waiting -= 1

    async def generate(self, call: Call) -> Response:
        """POST /api/generate; loads or unloads, and generates nothing."""
        request = await call.read(ollama_chat.parse_generate)
        return Response(ollama_chat.render_chat(request, await self._load_or_unload(request)))

    async def chat(self, call: Call) -> Response:
        """POST /api/chat; as generate."""
        request = await call.read(ollama_chat.parse_chat)
        return Response(ollama_chat.render_chat(request, await self._load_or_unload(request)))

    async def _load_or_unload(self, request: ChatRequest) -> Reason:
        model = await asyncio.to_thread(self._models.find, request.model)
        if request.has_text:
            raise InputError(ollama_chat.refusal(request))
        if request.keep_alive_s == 0:
            self._residency.unload(model.digest)
            return "unload"
        async with self._residency.using(request.model.name, keep_alive_s=request.keep_alive_s):
            return "load"

    async def create(self, call: Call) -> Response:
        """POST /api/create, and the blobs that go before it."""
        raise NotOfferedError(_NO_BLOBS)

    async def push(self, call: Call) -> Response:
        """POST /api/push."""
        raise NotOfferedError("this server does not push models to a registry")

    async def _unload(self, name: ModelName) -> None:
        """Unload the model of that name if it is here, damaged or not."""
        for model in await asyncio.to_thread(self._models.hub.models):
            if ModelName.parse(model.name) == name:
                self._residency.unload(model.digest)

"""What `dgan restore` writes of one photograph: its results, and what is told of them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from dgan_jax.cli.restoring import Work, say, tell

if TYPE_CHECKING:
    import numpy as np

    from dgan_jax.data.photo_files import Photo
    from dgan_jax.restore import Photograph
    from dgan_jax.restore.account import Entry
    from dgan_jax.restore.several import Spread


@dataclasses.dataclass(frozen=True)
class Restoration:
    """One photograph whose results are made and written."""

    work: Work
    file: Path
    commands: dict[PurePath, str]
    todo: set[PurePath]
    entry: "Entry"
    photo: "Photo"
    straight: "np.ndarray"
    finish: Callable[["np.ndarray"], "np.ndarray"]
    hole: "np.ndarray | None"

    def write(self, photograph: "Photograph", observe: Callable[[int, int], None]) -> None:
        """All that is to do: the versions one after the other, then what is told of them."""
        from dgan_jax.restore.several import Spread, looked_at, small

        places, extras = self.work.results[self.file], self.work.extras[self.file]
        several = any(extras.get(what) in self.todo for what in ("mean", "invention", "contact"))
        numbers = [n for n, place in enumerate(places) if several or place in self.todo]
        spread, shown = Spread(), []
        for i, n in enumerate(numbers):

            def windows(done: int, of: int, before: int = i) -> None:
                observe(before * of + done, len(numbers) * of)

            with self.entry.timed("restore"):
                result = self.sized(self.finish(photograph(n, windows)))
            if places[n] in self.todo:
                self.put(places[n], result, first=i == 0)
            if several:
                spread.add(result)
                shown.append(small(result[looked_at(self.hole, *result.shape[:2])]))
        if several:
            self.tell_of(spread, shown, extras)
        if extras.get("hole") in self.todo and self.hole is not None:
            from dgan_jax.restore.several import overlay

            self.put_picture(extras["hole"], overlay(self.straight, self.hole))

    def sized(self, result: "np.ndarray") -> "np.ndarray":
        """Of the size that was asked for, where the weights have learnt another."""
        scale = self.work.options.scale
        if scale is None or scale == (learnt := self.work.restorer.runner.scale):
            return result
        from dgan_jax.data.images import resized_to

        height, width = (max(1, round(side * scale)) for side in self.straight.shape[:2])
        text = f"{self.file}: enlarged {learnt} times, which is what is there, and resized to {scale:g} times"
        if text not in self.entry.about.get("notes", ()):
            tell(self.entry, text)
        return resized_to(result, height, width)

    def put(self, place: PurePath, result: "np.ndarray", *, first: bool) -> None:
        """A result as a file like the photograph's."""
        import numpy as np

        from dgan_jax.data.photo_files import encode, merged
        from dgan_jax.restore.account import seam

        options = self.work.options
        inpainting, alpha = options.task == "inpaint", options.hole == "alpha"
        hole = self.hole if inpainting else None
        with self.entry.timed("write"):
            whole = merged(self.photo, result, hole, fill_alpha=alpha, feather=options.feather)
            if hole is not None:
                known = hole[..., 0] <= 0
                if not np.array_equal(whole.pixels[known], self.photo.native.pixels[known]):
                    raise AssertionError("a pixel outside of the hole was changed; nothing is written")
            written = encode(self.photo, whole, place.suffix, same_quality=inpainting)
            self.work.ledger.write(place, written.data, self.commands[place])
        say(str(self.work.ledger.folder / place))
        if hole is not None:
            self.entry.about["outside"] = "bit for bit, read again" if written.exact else "changed by the format"
            # A second of a large photograph, so only where it is read.
            if self.hole is not None and options.report is not None:
                self.entry.about.setdefault("seam", []).append(seam(whole.pixels, self.hole))
        if first:
            for note in written.notes:
                tell(self.entry, f"{self.file}: {note}")

    def tell_of(self, spread: "Spread", shown: list["np.ndarray"], extras: dict[str, PurePath]) -> None:
        """The mean of several versions, the map of what is invention, and a contact sheet."""
        from dgan_jax.data.images import to_channels
        from dgan_jax.restore import several

        deviation, mean = spread.deviation(), spread.mean()
        picture, white = several.invention(deviation)
        inner = deviation if self.hole is None else deviation[self.hole[..., 0] > 0]
        told = {"white": round(white, 2), "mean": round(float(inner.mean()), 2), "versions": spread.count}
        self.entry.about["invention"] = told
        if extras["mean"] in self.todo:
            self.put(extras["mean"], mean, first=False)
        if extras["invention"] in self.todo:
            self.put_picture(extras["invention"], picture)
        if extras["contact"] in self.todo:
            here = several.looked_at(self.hole, *mean.shape[:2])
            before = self.straight if self.hole is None else several.overlay(self.straight, self.hole)[here]
            shares = [several.small(part) for part in (before, mean[here], to_channels(picture[here], 3))]
            captions = ["photograph", f"mean of {spread.count}", f"invention: white = {white:.0f} grey levels apart"]
            captions += [f"version {n + 1}" for n in range(len(shown))]
            self.put_picture(extras["contact"], several.sheet([*shares, *shown], captions, title=self.file.name))

    def put_picture(self, place: PurePath, picture: "np.ndarray") -> None:
        """A PNG that tells of a result."""
        from dgan_jax.data.images import encode_image

        self.work.ledger.write(place, encode_image(picture, place.suffix), self.commands[place])
        say(str(self.work.ledger.folder / place))

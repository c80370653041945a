"""Clips of trained runs as the arrays that models gave."""


def generate_poses(generator, texts, seed=0, **sampling):
    """Canonical poses [T, J, 3] of texts."""
    clips = generator.generate(list(texts), seed=seed, canonical=True, **sampling)
    return [clip.points for clip in clips]


def reconstruct_poses(run, clips):
    """Canonical poses [T, J, 3] of clips that the run's codec encoded and decoded."""
    return [clip.points for clip in run.codec.reconstruct(clips, canonical=True)]

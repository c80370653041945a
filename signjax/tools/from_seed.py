"""Makes runs from checkpoints of the original project, without PyTorch and without unpickling.

    python -m signjax.tools.from_seed checkpoints/vqvae_model.pth
    python -m signjax.tools.from_seed checkpoints/vqvae_model.pth checkpoints/t2m_gpt_model.pth
    python -m signjax.sample --workdir runs/seed/gpt --text hello

The mean and standard deviation of the poses are read from the VQ-VAE's checkpoint, or from the file
train_stats.npz in its folder. BERT is not read from the GPT's checkpoint: --encoder names it, and it is
compared with the checkpoint.
"""

import sys

from signjax.cli import parsing
from signjax.cli.command import run_as_command


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.make_parser("signjax.tools.from_seed", __doc__)
    parser.add_argument("vqvae", help="checkpoint of the VQ-VAE, such as checkpoints/vqvae_model.pth")
    parser.add_argument("gpt", nargs="?", help="checkpoint of the GPT, such as checkpoints/t2m_gpt_model.pth")
    parser.add_argument("--out", default="runs/seed", help="folder for the runs (default: %(default)s)")
    parser.add_argument("--root", default="datasets", help="folder of data sets (default: %(default)s)")
    parser.add_argument("--name", default="ASL_gloss", help="data set to score with (default: %(default)s)")
    encoder = "the GPT's BERT, as text.encoder (default: %(default)s)"
    parser.add_argument("--encoder", default="bert-base-uncased", help=encoder)
    args = parser.parse_args(argv)
    from signjax.compat.seed.import_runs import import_checkpoints

    data = {"root": args.root, "name": args.name}
    runs = import_checkpoints(args.vqvae, args.gpt, args.out, data, args.encoder)
    # Sizes are printed because the checkpoint does not say them: they follow from shapes.
    for run in runs:
        print(run.describe())
    if args.gpt:
        print(f'generate with it: python -m signjax.sample --workdir {runs[-1].folder} --text "hello"')
    return 0


if __name__ == "__main__":
    sys.exit(main())

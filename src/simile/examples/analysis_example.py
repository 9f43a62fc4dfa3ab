"""Cluster, deduplicate, classify and map a few dozen support questions, step by step.

Embeds in this process, so it needs no server. The map is a page to open in a browser.
"""

import argparse
import sys
from pathlib import Path

from simile import Embedder, SimileError
from simile.analysis import Map, cluster, project, write_map
from simile.analysis.classify import fit
from simile.analysis.dedupe import near_duplicates

LABELED = {
    "card": (
        "My card has not arrived yet.",
        "When will my new card come?",
        "When will my new card come??",
        "How long does the delivery of a card take?",
        "I am still waiting for my bank card.",
        "Where is the card that I ordered?",
        "Has my card been sent already?",
    ),
    "password": (
        "I forgot my password.",
        "How do I reset my password?",
        "How can I reset my password?",
        "My password is not accepted.",
        "I want to change the password of my account.",
        "The link for a new password does not work.",
        "Please send me a new password.",
    ),
    "refund": (
        "I would like my money back.",
        "When will I get my refund?",
        "The shop has not refunded me.",
        "Can I get a refund for this purchase?",
        "My refund is not on my account.",
        "The seller promised a refund last week.",
        "How do I ask for a refund?",
    ),
    "exchange": (
        "Which exchange rate do you use?",
        "The exchange rate was wrong.",
        "Can I exchange euros for dollars?",
        "How much does it cost to exchange currencies?",
        "Why is your exchange rate so bad?",
        "Do you exchange British pounds?",
        "What is the rate for dollars today?",
    ),
}
ASKED = ("is my new card on its way?", "i cannot log in any more", "who won the cup final?")


def main() -> None:
    """Parse the command line and run the steps."""
    parser = argparse.ArgumentParser(description="Walk through the analysis, step by step.")
    parser.add_argument("--model", default="all-minilm")
    parser.add_argument(
        "--map", type=Path, default=Path("map.html"), help="file to write the map to"
    )
    options = parser.parse_args()
    texts = [text for some in LABELED.values() for text in some]
    labels = [label for label, some in LABELED.items() for _ in some]
    with Embedder(options.model) as embedder:
        vectors = embedder.embed(texts, role="document")
        asked = embedder.embed(ASKED, role="document")

    found = cluster(vectors, texts)
    outliers = int((found.labels < 0).sum())
    print(f"1. Cluster {len(texts)} texts: {len(found.clusters)} clusters, {outliers} outliers")
    for one in found.clusters:
        words = ", ".join(one.words[:3])
        print(f"   {one.size} texts, stability {one.stability:.2f}: {words}")

    print("2. Deduplicate:")
    for group in near_duplicates(vectors, texts).groups(0.95):
        for gone in group.drop:
            print(f"   keep {texts[group.keep]!r}, drop {texts[gone.row]!r} ({gone.cosine:.3f})")

    classifier = fit(vectors, labels)
    print(f"3. Classify with {classifier.fitted.method}:")
    for text, answer in zip(ASKED, classifier.predict(asked), strict=True):
        print(f"   {text!r}: {answer.label or 'none of these'} ({answer.confidence:.2f})")

    names = [str(row + 1) for row in range(len(texts))]
    placed = project(vectors)
    write_map(options.map, Map("Support questions", texts, names, found, placed))
    print(f"4. Map: {options.map}, projected by {placed.method}")


if __name__ == "__main__":
    try:
        main()
    except SimileError as exc:
        sys.exit(f"simile: {exc}")

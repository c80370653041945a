"""The signs of the demo language's words and letters, as plain data.

Nobody signs this constructed language; where a sign looks like one of a real sign language, that is chance or
helps to remember it. Signs were chosen to differ clearly (tests/demo/test_reader.py checks by how much).
"""

from signjax.demo.phonology import Sign

# word: handshape, place, palm (fingers-palm), move, [hands, [head, [second handshape]]]
_WORDS = """
i: index heart inback-back tap
you: index far front-down forward
he: index aside front-in saw
she: little aside up-front down
we: index across in-up arc
they: five aside front-down out
my: flat heart in-up arc
your: flat far up-front tap
hello: flat high up-front out
goodbye: five high front-down wave
thank: flat chin up-back forward
please: horns heart in-back circle 1 nod
sorry: fist across in-up circle 1 left
yes: fist far up-front bounce 1 nod
no: vee far front-in down 1 shake
how: bent heart down-back up 2
what: five front front-up wave 2 right
where: index high up-front wave 1 right
who: ell chin in-back circle 1 right
when: index shoulder in-down circle 2b right
why: wye brow in-back forward 1 right
which: thumb aside up-in up 2x left
am: thumb heart in-up forward
are: vee chin up-in forward
is: little chin in-back forward
like: wye across in-down forward
want: claw front front-up home 2
need: index under down-back down 1 nod
have: bent far up-back home 2
go: index front up-front forward 2
come: index far up-back home 2
eat: bent chin in-back tap
drink: wye chin up-in up
see: vee brow up-back forward
know: bent brow up-back tap
learn: five brow in-back home 1 none fist
help: thumb waist front-in up 2b
work: fist front down-back tap 2b
play: wye front up-back twist 2
sleep: flat ear down-in down 1 left fist
give: flat waist front-up forward 2
make: fist front in-back twist 2
read: vee waist down-back zigzag 2b
write: ring waist in-down wave 2b
buy: ell under front-down forward 2b
love: fist across up-back home 2
live: ell waist up-back up 2
meet: index shoulder up-in in 2
can: fist shoulder front-down down 2
and: five across in-back in 1 none bent
not: thumb under in-back forward 1 shake
with: fist aside front-in in 2
the: ell front up-in up
in: bent under down-back down 2b
to: index front front-in forward 2b
apple: horns ear up-back twist
bread: four chin front-down saw
water: three chin up-in tap
milk: claw shoulder front-in up 1 none fist
coffee: fist heart in-down circle 2b
tea: ring heart in-up circle 2b
house: flat high up-in down 2
school: flat front front-down tap 2b
book: flat waist front-in out 2 none five
car: fist front front-in wave 2x
friend: vee across in-up twist
name: vee front in-back tap 2b
family: ring front up-front circle 2
mother: five chin front-in tap
father: five brow up-in tap
sister: ell across up-front down
brother: ell brow up-front down
child: bent aside front-up down
dog: flat far down-in tap
cat: ring ear front-in out
phone: wye ear up-back circle
money: ring under in-up tap
city: bent high up-in wave 2
shop: bent waist down-in saw 2
today: wye waist in-back down 2
tomorrow: thumb ear up-in forward
yesterday: thumb ear in-back home
now: claw waist front-up down 2
morning: flat across up-back up 2b
night: bent across in-down arc 2b
week: index waist up-in out 2b
red: index chin up-back down
blue: four aside up-back twist
green: horns aside up-in wave
black: index brow in-down out
white: claw across up-back forward 1 none bent
good: thumb far up-in forward
bad: four under in-down down 1 shake
happy: four shoulder up-back wheel 2
sad: five ear up-back down 2
big: ell high front-in out 2
small: flat front front-in in 2
hot: claw chin in-back out 1 none five
cold: fist shoulder in-back wave 2
new: three under in-up arc 2b
one: index high front-down forward
two: vee high in-back forward
three: three high in-back forward
four: four high in-back forward
five: five aside up-front forward
six: little high in-down forward
seven: wye high up-front forward
eight: horns across in-down forward
nine: ring high in-down forward
ten: thumb high front-in twist
"""

# A letter is one of three palms, each with a place of its own, and one of nine handshapes. The handshapes
# differ in at least two fingers, so that one finger read wrongly does not make another letter.
_LETTER_PALMS = {"a": "up-front", "b": "in-down", "c": "down-back"}
_LETTER_SHAPES = ("fist", "ell", "wye", "vee", "horns", "four", "three", "ring", "bent")


def _parse_words() -> dict[str, Sign]:
    lines = (line.split(":") for line in _WORDS.strip().splitlines())
    return {word: Sign(*fields.split()) for word, fields in lines}


def _make_letters() -> dict[str, Sign]:
    cells = [(palm, shape) for shape in _LETTER_SHAPES for palm in _LETTER_PALMS]
    # Of the 27 cells one is left over; this one looks too much like a hand that is just being raised.
    cells.remove(("a", "four"))
    return {
        chr(ord("A") + k): Sign(shape, f"letter-{palm}", _LETTER_PALMS[palm], "hold")
        for k, (palm, shape) in enumerate(cells)
    }


WORDS = _parse_words()
LETTERS = _make_letters()  # keys are capitals: the gloss "I" is the letter, "i" the word
PAUSE = "|"  # a gloss without meaning, between two spelled words and in a word that is signed twice
PAUSE_SIGN = Sign("five", "under", "front-down", "dip")
SIGNS = {**WORDS, **LETTERS, PAUSE: PAUSE_SIGN}
# Arm lengths. Of equal letters in a row every second one is held further out: else two would look like one.
REPEAT_SHIFT = (-0.40, 0.0, 0.0)

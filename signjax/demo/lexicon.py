"""The words of the demo language and its letters, as plain data.

This is a constructed language: nobody signs it, and likeness to a sign of a real sign language is chance
or a hint to memory. Signs were chosen to lie far apart (tests/test_demo_reader.py holds the distance).
"""

from signjax.demo.phonology import Sign

# word: handshape, place, palm (fingers-palm), move, [hands, [head, [second handshape]]]
_WORDS = """
i: index heart inback-back tap
you: index far front-down forward
he: index aside front-in saw
she: little aside up-front down
we: index across in-back arc
they: five aside front-down out
my: flat heart in-back tap
your: flat far up-front tap
hello: flat brow up-front out
goodbye: five high up-front wave
thank: flat chin up-back forward
please: flat heart in-back circle 1 nod
sorry: fist heart in-back circle 1 left
yes: fist shoulder up-front bounce 1 nod
no: vee front front-down in 1 shake
how: bent heart down-back up 2
what: five front front-up wave 2 right
where: index high up-front wave 1 right
who: ell chin in-back circle 1 right
when: index front up-in circle 2b right
why: wye brow in-back forward 1 right
which: thumb front up-in up 2x left
am: thumb chin in-back forward
are: vee chin up-in forward
is: little chin in-back forward
like: wye heart in-back forward
want: claw front front-up home 2
need: index under down-back down 1 nod
have: bent heart in-back home 2
go: index front up-front forward 2
come: index far up-back home 2
eat: bent chin in-back tap
drink: wye chin up-in up
see: vee brow up-back forward
know: bent brow up-back tap
learn: five brow in-back home 1 none fist
help: thumb waist front-in up 2b
work: fist waist front-down tap 2b
play: wye front up-back twist 2
sleep: five brow in-back down 1 left fist
give: flat waist front-up forward 2
make: fist front in-back twist 2
read: vee front in-down zigzag 2b
write: ring front in-down wave 2b
buy: ring waist front-up forward 2b
love: fist across up-back home 2
live: ell waist up-back up 2
meet: index aside up-in in 2
can: fist shoulder front-down down 2
and: five across in-back in 1 none bent
not: thumb under in-back forward 1 shake
with: fist aside front-in in 2
the: ell shoulder up-front forward
in: bent under down-back down 2b
to: index front in-back forward 2b
apple: horns ear up-back twist
bread: four waist in-back saw 2b
water: three chin up-in tap
milk: claw shoulder front-in up 1 none fist
coffee: fist heart in-down circle 2b
tea: ring heart in-down circle 2b
house: flat high up-in down 2
school: flat front front-down tap 2b
book: flat waist front-in out 2 none five
car: fist front front-in wave 2x
friend: vee across in-back twist
name: vee front in-back tap 2b
family: ring front up-front circle 2
mother: five chin up-in tap
father: five brow up-in tap
sister: ell chin up-front down
brother: ell brow up-front down
child: flat aside front-down down
dog: flat waist down-in tap
cat: ring chin in-back out
phone: wye ear up-back circle
money: flat across in-up tap
city: bent high up-in wave 2
shop: bent waist down-back saw 2
today: wye waist front-up down 2
tomorrow: thumb ear up-in forward
yesterday: thumb ear up-front home
now: claw waist front-up down 2
morning: flat under in-up up 2b
night: bent under in-down arc 2b
week: index waist front-down out 2b
red: index chin up-back down
blue: four shoulder up-back twist
green: horns shoulder up-front wave
black: index brow in-down out
white: claw heart in-back forward 1 none bent
good: four chin in-back forward
bad: four chin in-down down 1 shake
happy: flat heart up-back wheel 2
sad: five chin up-back down 2
big: ell front front-in out 2
small: flat front front-in in 2
hot: claw chin in-back out 1 none five
cold: fist shoulder front-in wave 2
new: three under in-up arc 2b
one: index high front-down forward
two: vee high front-down forward
three: three high front-down forward
four: four high front-down forward
five: five high front-down forward
six: little high front-down forward
seven: wye high front-down forward
eight: horns high front-down forward
nine: ring high front-down forward
ten: thumb high front-in twist
"""

# Letters combine three palms (with a place each) and nine handshapes that differ in at least two fingers.
_LETTER_PALMS = {"a": "up-front", "b": "in-down", "c": "down-back"}
_LETTER_SHAPES = ("fist", "ell", "wye", "vee", "horns", "four", "three", "ring", "bent")


def _words() -> dict[str, Sign]:
    lines = (line.split(":") for line in _WORDS.strip().splitlines())
    return {word: Sign(*fields.split()) for word, fields in lines}


def _letters() -> dict[str, Sign]:
    cells = [(palm, shape) for shape in _LETTER_SHAPES for palm in _LETTER_PALMS]
    return {
        chr(ord("A") + k): Sign(shape, f"letter-{palm}", _LETTER_PALMS[palm], "hold")
        for k, (palm, shape) in enumerate(cells[:26])
    }


WORDS = _words()
LETTERS = _letters()  # keys are capitals: the gloss "I" is the letter, "i" the word
PAUSE = "|"  # between two spelled words; says nothing
BREAK = Sign("five", "under", "front-down", "dip")
SIGNS = {**WORDS, **LETTERS, PAUSE: BREAK}
# The second of two equal letters is held further out, the third back in its place.
REPEAT_SHIFT = (-0.20, 0.0, 0.0)

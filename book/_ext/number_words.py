"""Whole numbers in words: twelve, forty-two, a hundred."""

SMALL, TENS = (
    line.split()
    for line in (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen "
        "fourteen fifteen sixteen seventeen eighteen nineteen",
        "twenty thirty forty fifty sixty seventy eighty ninety",
    )
)
LARGE = {"dozen": 12, "hundred": 100, "thousand": 1_000, "million": 1_000_000}


def spelt(number: int) -> str:
    """The number in words. Raises ValueError outside 0 to 100."""
    if not isinstance(number, int) or not 0 <= number <= 100:
        raise ValueError(f"{number!r} is not a whole number up to a hundred")
    if number < 20:
        return SMALL[number]
    if number == 100:
        return "a hundred"
    tens, ones = TENS[number // 10 - 2], number % 10
    return f"{tens}-{SMALL[ones]}" if ones else tens


VALUES = {spelt(number): number for number in range(100)} | LARGE

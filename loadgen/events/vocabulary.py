"""The words orders are made of: people and products, some beyond ASCII, all valid UTF-8.

Goal: contents that compress and serialize like a real shop's. Non-goal: truth; nobody here exists.
Place: read once by `events/generator.py`. Changing a word changes every order: raise `generator.VERSION` with it.
The counts are powers of two, so that bits of one random integer choose without bias.
"""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _words("""
    Amelia Noah Olivia Liam Emma Lucas Sofia Mateo Mia Elias Zoë José Łukasz Agnieszka Jürgen Käthe
    Søren Åsa Björn Élodie François Chloé İrem Oğuz Dvořák Šárka Miloš Željko Ngọc Thảo 李娜 伟
    健太 さくら 지훈 서연 Дмитрий Ольга Νίκος Ελένη Ahmed Fatima Omar Layla Priya Arjun Ananya Rohan
    Chidi Amara Kwame Zanele Grace Henry Alice Jack Ruby Oscar Hazel Felix Clara Hugo Nora Theo
""")

LAST_NAMES = _words("""
    Smith Jones Brown Taylor Wilson Davies Evans Thomas Müller Schröder Weiß Köhler García Muñoz Fernández Núñez
    Rossi Bianchi Conti D'Angelo O'Brien O'Connor Murphy Byrne Dubois Lefèvre Gauthier Côté Nowak Wiśniewski
    Dąbrowski Zieliński Novák Černý Horváth Szabó Øster Lindström Sjögren Hägg Virtanen Mäkinen Nguyễn Trần
    王 陳 佐藤 鈴木 김 박 Иванов Смирнова Papadopoulos Yıldız Haddad Mansour Patel Sharma Iyer Okafor Mensah
    Dlamini Silva Gonçalves
""")

ADJECTIVES = ("Classic", "Compact", "Vintage", "Organic", "Ergonomic", "Lightweight", "Handmade", "Deluxe")

MATERIALS = ("Oak", "Merino", "Cotton", "Steel", "Bamboo", "Leather", "Ceramic", "Recycled")

GOODS = (
    "Backpack", "Café Mug 350 ml", "Desk Lamp", "T-Shirt", "Notebook A5", "Water Bottle", "Throw Blanket", "Phone Case",
)  # fmt: skip
"""The title of product n is ADJECTIVES[n >> 6], MATERIALS[n >> 3 & 7], GOODS[n & 7]: 512 products."""

QUANTITIES = (1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4, 6)
"""Sixteen draws: nine in sixteen lines are for one piece."""

"""Word lists for names and addresses."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FEMALE = _words("""
    Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Karen Sarah Lisa Nancy Sandra Ashley Emily
    Kimberly Margaret Donna Michelle Carol Amanda Melissa Deborah Stephanie Rebecca Sharon Laura Cynthia Dorothy
    Amy Angela Shirley Brenda Emma Anna Pamela Nicole Samantha Katherine Christine Helen Rachel Carolyn Janet
    Maria Olivia Heather Diane Julie Joyce Victoria Aisha Mei Priya Fatima Sofía Zoë Chloë Ingrid Leilani Noor
    Guadalupe Thuy
""")
MALE = _words("""
    James Robert John Michael David William Richard Joseph Thomas Christopher Charles Daniel Matthew Anthony
    Mark Donald Steven Andrew Paul Joshua Kenneth Kevin Brian Timothy Ronald George Jason Edward Jeffrey Ryan
    Jacob Nicholas Gary Eric Jonathan Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory Alexander
    Patrick Frank Raymond Jack Dennis Jerry Tyler Aaron José Adam Nathan Ibrahim Wei Rajesh Mateo André Björn
    Kofi Hiroshi
""")
# The most frequent US surnames, in order; some with accents and apostrophes.
FREQUENT = _words("""
    Smith Johnson Williams Brown Jones García Miller Davis Rodríguez Martínez Hernández López González Wilson
    Anderson Thomas Taylor Moore Jackson Martin Lee Pérez Thompson White Harris Sánchez Clark Ramírez Lewis
    Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera
    Campbell Mitchell Carter Roberts Gómez Phillips Evans Turner Díaz Parker Cruz Edwards Collins Reyes Stewart
    Morris Morales Murphy Cook Rogers Gutiérrez Ortiz Morgan Cooper Peterson Bailey Reed Kelly Howard Ramos Kim
    Cox Ward Richardson Watson Brooks Chávez Wood James Bennett Gray Mendoza Ruiz Hughes Price Álvarez Castillo
    Sanders Patel Myers Long Ross Foster Jiménez Powell Jenkins Perry Russell Sullivan Bell Coleman Butler
    Henderson Barnes Fisher Vásquez Simmons Romero Jordan Patterson Alexander Hamilton Graham Reynolds Griffin
    Wallace Moreno West Cole Hayes Bryant Herrera Gibson Ellis Tran Medina Aguilar Stevens Murray Ford Castro
    Marshall Owens Harrison Fernández McDonald Woods Washington Kennedy Wells Vargas Henry Chen Freeman Webb
    Tucker Guzmán Burns Crawford Olson Simpson Porter Hunter Gordon Méndez Silva Shaw Snyder Mason Dixon Muñoz
    Hunt Hicks Holmes Palmer Wagner Black Robertson Boyd Stone Salazar Fox Warren Mills Meyer Rice Schmidt Garza
    Daniels Ferguson Nichols Stephens Soto Weaver Ryan Gardner Payne Grant Dunn Kelley Spencer Hawkins Arnold
    Pierce Vázquez Hansen Peters Santos Hart Bradley Knight Elliott Cunningham Duncan Armstrong Hudson Carroll
    Lane Riley Andrews Alvarado Ray Delgado Berry Perkins Hoffman Johnston Matthews Peña Richards Contreras
    Willis Carpenter Lawrence Sandoval Guerrero George Chapman Ríos Estrada Ortega Watkins Greene Núñez Wheeler
    Valdez Harper Burke Larson Santiago Maldonado Morrison Franklin Carlson Austin Domínguez Carr Lawson Jacobs
    O'Brien Lynch Singh Vega Bishop Montgomery Oliver Jensen Harvey Williamson Gilbert Dean Sims Espinoza Howell
    Li Wong Reid Hanson Le McCoy Garrett Burton Fuller Wang Weber Welch Rojas Lucas Márquez Fields Park Yang
    Little Banks Padilla Day Walsh Bowman Schultz Luna Fowler Mejía O'Connor Müller Kowalski Novák Ivanova
    Haddad Okafor
""")
# Combined into rarer surnames: Ash-ford, Thorn-el-worth.
BEGINNINGS = _words("""
    Ash Beck Black Brad Brent Burn Cald Carl Clay Cran Dal Den Dray East El Fair Farn Glen Green Had Hal Hart
    Haw Hol Kirk Lang Lin Lock Mar Mel Nor Oak Pem Ray Red Roth Shel Stan Sut Thorn Wake Whit Win Wood
""")
MIDDLES = _words("""
    a am an ar e el en er i il in ing ol on or um un ur
""")
ENDINGS = _words("""
    berg bridge brook bury by combe croft dale den field ford gate ham hurst land ley low man more shaw stead
    ton well worth
""")
STREETS = _words("""
    Maple Oak Cedar Elm Pine Walnut Chestnut Park Lake Hill River Church Main Spring Prospect Highland
""")
STREET_KINDS = _words("""
    Street Avenue Road Lane Drive Court Place Boulevard
""")

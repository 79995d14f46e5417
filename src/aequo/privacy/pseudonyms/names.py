"""Lists of names: common ones to recognise people's names by, and invented ones to put in their place."""

from __future__ import annotations

__all__ = ["FAMILIES", "FAMILY_ENDS", "FAMILY_STARTS", "GIVENS", "GIVEN_ENDS", "GIVEN_STARTS"]

# Common names of several countries, without those that are ordinary words, months, towns or states more often.
_GIVENS = """
aaron abdul abigail adam adrian agnes ahmed aisha akira alan albert alejandro alessandro alex alexander alexandra
alexis alfred ali alice alicia alison amanda amber amelia amina amir amy ana anders andrea andreas andrei andrew
angela angelica anil anita ann anna anne annette annie anthony antoine antonio antonia april arthur ashley astrid
audrey barbara beatrice ben benjamin bernard bernd beth betty beverly bill birgit bjorn bob bogdan bonnie boris
bradley brandon brenda brian bridget bruce bruno bryan camille carl carla carlos carmen carol caroline carolyn
cassandra catherine cecilia celine charles charlotte cheryl chloe chris christian christina christine christoph
christopher cindy claire clara claudia colin connor corinne craig cristina crystal cynthia dagmar daniel daniela
danielle darren dave david deborah debra denise dennis derek diana diane dieter dimitri dmitri dolores dominik
dominique donald donna doris dorothy douglas dylan edith eduardo edward eileen elaine eleanor elena elizabeth ella
ellen elsa emil emilia emily emma enrique eric erica erik erika erin ernest esther ethan eugene eva evelyn fatima
felipe felix fernando fiona florian frances francesca francesco francis francisco francois frank fred frederick
friedrich gabriel gabriela gareth gary george gerald gerard gertrude gianni gina giovanni giulia giuseppe gloria
gordon greg gregory greta guillaume gunter gustav hannah hans harold harriet harry hassan heather heidi heinrich helen
helena helga henri henrik henry herbert hiroshi howard hubert hugo ian ibrahim igor ines ingrid irene irina isaac
isabel isabella ivan jack jackie jacob jacqueline jacques jaime jake james jamie jan jane janet janice jasmine jason
javier jean jeff jeffrey jennifer jenny jeremy jerome jerry jessica jill jim joachim joan joanna joanne joao joe joel
johan johann johanna johannes john johnny jonas jonathan jorge jose josef joseph joshua juan juanita judith judy julia
julian julie jurgen justin kaori karen karin karl karolina kate katharina katherine kathleen kathryn katie katrin
keith kelly ken kenji kenneth kerstin kevin khalid kim klaus kristen kristina kurt kyle lara larry lars laura lauren
laurent lawrence leila lena leon leonard leslie lewis li liam lidia linda lisa liz lois lori louis louise luca lucas
lucia luciano lucy luigi luis luisa lukas lydia lynn magdalena malcolm manfred manuel marc marcel marcia marco marcus
margaret margarita maria marie marilyn mario marion mark marta martha martin martina mary mateo mathias matteo matthew
matthias maureen maurice max megan mehmet melanie melissa michael michel michele michelle miguel mikhail mohamed
mohammad mohammed monica monika muhammad mustafa nadia nancy naomi natalia natalie natasha nathan neil nicholas nick
nicola nicolas nicole nigel nikolai nina nora norman olga oliver olivia omar oscar otto pablo pamela paolo pascal
patricia patrick paul paula pauline pavel pedro peggy penelope peter petra philip philippe phillip phyllis pierre
pilar priya rachel rafael rahul rainer ralph ramon raquel raul raymond rebecca regina rene renate ricardo richard rick
rita robert roberta roberto robin rodrigo roger roland roman ron ronald rosa rosemary roxanne roy ruben rudolf russell
ruth ryan sabine sabrina sally sam samantha samir samuel sandra sanjay sara sarah sasha scott sean sebastian sergei
sergio shannon sharon sheila shirley silvia simon simone sofia sonia sophia sophie stanley stefan stefanie stella
stephan stephanie stephen steve steven stuart sue susan susanne suzanne sven sylvia tamara tania tatiana ted teresa
terry theodore theresa thomas tiffany tim timothy tina todd tom tomas tommy tony tracy tyler ulrich ursula valerie
vanessa vera veronica vicente vicki victor viktor vincent vivian vladimir walter wanda wayne wei wendy werner william
wolfgang xavier yasmin yolanda yuki yusuf yvonne zachary zoe
"""
_FAMILIES = """
adams ahmed allen alvarez anderson andersson andrews bailey baker barnes becker bennett bergmann bernard bianchi
brooks brown bryant butler campbell carlsson carter castillo castro chavez chen choi clark coleman collins colombo
cooper costa cruz davis delgado diaz dubois dupont edwards eriksson esposito evans fernandez ferrari fischer fisher
flores foster fournier franklin freeman garcia gibson gomez gonzales gonzalez graham gray green greene griffin gupta
gustafsson gutierrez hall hamilton hansen harris harrison hartmann hassan hayes henderson henry hernandez herrera
hoffmann holmes howard huang hughes hussain ivanov jackson jansen janssen jenkins jensen jimenez johansson johnson
jones jordan kaiser kelly kennedy khan kim klein koch kovacs kowalski kruger kumar lambert larsen larsson lee lefebvre
lehmann leroy lewis lin lindberg liu lopez lorenz ludwig maier marino marshall martin martinez martinsson mason mayer
mcdonald medina mehta mendez mendoza meyer miller mitchell moore morales moreau moreno morgan morris muller murphy
murray myers nagy navarro nelson neumann nguyen nielsen nilsson novak olsen olsson ortiz owens parker patel patterson
pedersen perez perry persson peters petersen peterson petrov phillips pham popescu powell price ramirez ramos reed
reyes reynolds ricci richards richardson richter rivera roberts robertson robinson rodriguez rogers romano romero
rossi roux ruiz russo ryan sanchez santos sato schmidt schmitt schneider schroeder schulz schwarz scott shah sharma
silva simmons simon singh smith smirnov soto sousa stevens stewart sullivan suzuki svensson tanaka taylor thomas
thompson torres tran tucker turner varga vargas vasquez vogel wagner walker wallace wang ward watanabe watson weber
wells west wilson winkler wolf wong wright yamamoto yang young zhang zhao zimmermann
"""
GIVENS = frozenset(_GIVENS.split())
"""Common given names, in lower case, to recognise people by."""

FAMILIES = frozenset(_FAMILIES.split())
"""Common family names, in lower case, to recognise people by."""

_GIVEN_STARTS = """
Abel Ador Alar Amb Ansel Arv Aster Bel Ber Bran Bry Cal Car Cass Cel Cor Dal Dar Del Dor Ed Eil El Ember Er Est Fal
Far Fen Fin Flor Gal Gar Gwen Hal Har Hel Hol Id Il Is Jar Jes Jor Kal Kar Kel Ker Lar Len Lin Lor Mal Mar
"""
_GIVEN_ENDS = (
    "a an ana ane ara ario asa el ela en ena era eth ia ian ida iel ika ila in ina ine io ira is ith on or ora yn"
)
_FAMILY_STARTS = """
Alder Amber Apple Ash Aspen Barrow Bay Beech Birch Black Blue Bram Briar Bright Brook Cedar Clay Clear Clover Cold
Copper Corn Crane Cress Dale Dawn Deep Dove Dun Eagle East Elder Elm Ember Fair Falcon Fallow Fen Fern Field Finch Fox
Frost Glen Gold Good Grand Gran Grass Green Grey Haw Hazel Heath High Hill Holly Iron Ivy Juniper Kestrel Lake Lark
Laurel Leaf Light Lime Linden Long Maple Marl Marsh May Meadow Mill Moor Moss North Oak Oat Old Otter Pear Pine Plum
Quick Raven Red Reed Ridge River Rock Rose Rowan Rye Sand Sedge Shell Silver Slate Snow South Spring Star Stone Summer
Swan Tall Thorn Thistle Timber Vale Violet Wal Water West Wheat White Wild Willow Winter Wood Wren Yarrow
"""
_FAMILY_ENDS = """
acre bank beck borough bourne bridge brook burn bury by combe cote cott cross dale dell den down end fall field firth
fold ford gate glen grove hall ham hart haven hill holm holt hurst land lane ley lock low man marsh mead mere mont
moor more ness park pool port ridge rose shaw shore side smith stead stow thorpe ton tree vale view ville wall ward
water way well wick win wold wood worth
"""
GIVEN_STARTS = tuple(_GIVEN_STARTS.split())
"""First halves of invented given names."""

GIVEN_ENDS = tuple(_GIVEN_ENDS.split())
"""Second halves of invented given names."""

FAMILY_STARTS = tuple(_FAMILY_STARTS.split())
"""First halves of invented family names, streets and towns."""

FAMILY_ENDS = tuple(_FAMILY_ENDS.split())
"""Second halves of invented family names, streets and towns."""

"""Words for training texts without a target in the liver; see nothing.py."""

from __future__ import annotations

from lsms_core.language.word_lists import split_words

ELSEWHERE = split_words(
    "gallbladder stone | gallstones | splenic lesion | lesion in the spleen | hypodense lesion "
    "of the spleen | renal cyst | left kidney stone | cyst in the right kidney | renal mass | "
    "pancreatic mass | hypodense lesion in the pancreas | aortic aneurysm | adrenal nodule | "
    "left adrenal mass | lung nodule | nodule in the right lower lobe of the lung | vertebral "
    "fracture | bone metastasis | lytic lesion in the vertebra | bladder wall thickening | "
    "appendicitis | bowel obstruction | right pleural effusion | ascites | free air | stomach "
    "tumor | colon cancer | enlarged lymph node | spleen | left kidney | right kidney | "
    "gallbladder | aorta | stomach | pancreas | spine | brain tumor | breast lesion | splenic "
    "cyst | cyst of the left kidney | hydronephrosis | right renal mass | left renal cyst | "
    "kidney tumor | adrenal adenoma | pancreatic cyst | pancreatic head mass | gallbladder "
    "polyp | gallbladder wall thickening | dilated bile duct | common bile duct stone | hiatal "
    "hernia | gastric mass | thickened stomach wall | duodenal ulcer | small bowel mass | "
    "sigmoid diverticulitis | peritoneal nodule | omental mass | retroperitoneal mass | "
    "lymphadenopathy | paraaortic lymph node | portal lymph node | left pleural effusion | "
    "pericardial effusion | pulmonary nodule | lesion in the left lung | mass in the lung | rib "
    "fracture | sclerotic bone lesion | lesion of the vertebral body | scoliosis | abdominal "
    "wall hernia | subcutaneous nodule | uterine fibroid | ovarian cyst | prostate | urinary "
    "bladder | heart | inferior vena cava | portal vein | portal vein thrombosis | hepatic "
    "artery | spleen lesion on the left | mass in the left kidney | mass in the right adrenal "
    "gland | lesion of the pancreas tail | hypodense lesion in the kidney | hypodense lesion in "
    "the left kidney | low attenuation lesion in the spleen | hyperdense kidney stone | splenic "
    "infarct | splenic hemangioma | lymph node in the porta hepatis | psoas muscle | diaphragm "
    "| colon | duodenum | esophagus | oesophageal varices | renal calculus | ureteral stone | "
    "urolithiasis | staghorn calculus | dilated left renal pelvis | perinephric stranding | "
    "renal cortical scar | atrophic right kidney | horseshoe kidney | angiomyolipoma of the "
    "kidney | renal cell carcinoma | bladder diverticulum | Foley catheter | enlarged prostate "
    "| seminal vesicles | calcified fibroid | endometrial thickening | adnexal mass | inguinal "
    "hernia | umbilical hernia | enlarged spleen | accessory spleen | splenule | splenic "
    "calcification | perisplenic fluid | splenectomy | wedge-shaped splenic defect | "
    "pancreatitis | peripancreatic fluid | atrophic pancreas | pancreatic calcification | IPMN "
    "| pancreatic tail lesion | pancreatic ductal dilatation | pseudocyst | gallbladder sludge "
    "| cholecystitis | pericholecystic fluid | contracted gallbladder | cholecystectomy clips | "
    "pneumobilia | biliary stent | intrahepatic duct dilatation | adrenal hyperplasia | adrenal "
    "myelolipoma | adrenal haematoma | abdominal aortic aneurysm | aortic dissection | aortic "
    "calcification | mesenteric artery stenosis | iliac aneurysm | splenic artery | varices | "
    "thrombus in the inferior vena cava | central venous catheter | pacemaker lead | coronary "
    "calcification | cardiomegaly | hilar lymph nodes | mediastinal mass | pneumonia | "
    "pneumothorax | ground glass opacity | emphysema | lung consolidation | atelectatic lung | "
    "pleural thickening | pleural plaque | pulmonary embolism | bronchiectasis | lung "
    "metastases | cavitating lung lesion | rib metastasis | wedge fracture of L2 | "
    "spondylolisthesis | disc protrusion | spinal stenosis | degenerative spine | osteophytes | "
    "sclerotic focus in the sacrum | hip prosthesis | iliac wing lesion | sternal fracture | "
    "gynecomastia | breast mass | lipoma of the back | sebaceous cyst | injection granuloma | "
    "abdominal fat | muscle atrophy | iliopsoas abscess | bowel loops | dilated jejunum | ileus "
    "| colitis | terminal ileitis | appendicolith | rectal mass | caecal tumour | thickened "
    "rectum | gastric distension | gastric varices | gastric outlet | nasogastric tube | "
    "surgical clips | drain | percutaneous tube | mesenteric stranding | mesenteric mass | "
    "enlarged mesenteric lymph nodes | para-aortic nodes | retroperitoneal fibrosis | "
    "pneumoperitoneum | free fluid in the pelvis | haemoperitoneum | peritoneal carcinomatosis "
    "| omental caking | diaphragmatic hernia | thyroid goitre | meningioma | subdural haematoma "
    "| knee effusion"
)

UNRELATED = split_words(
    "asdf | hello | qwertz | xyz abc | lkjh fdsa | blah blah | the weather is fine | a dog on a "
    "chair | a cat | red car | 12345 | print the report | lorem ipsum | nothing | normal study "
    "| normal liver | no lesion | no focal liver lesion | unremarkable liver | liver is normal "
    "| test | ??? | qwerty | foo bar | hello world | what time is it | good morning | patient "
    "name | save and close | next patient | sgsdfg | zzz | abc | n/a | none | no findings | no "
    "abnormality | no abnormality detected | NAD | normal CT | normal examination | the liver "
    "is unremarkable | liver unremarkable | no liver lesion | no metastases | no hepatic lesion "
    "| no evidence of metastatic disease | healthy liver | unremarkable | open the door | two "
    "green apples | a bicycle | my cat | delete | undo | help | please | ... | see previous "
    "report | no comparison available | comparison: none | compared to last year | dictated but "
    "not read | discussed with the surgeon | clinical correlation advised | recommend follow-up "
    "| MRI is recommended | biopsy recommended | technique: CT abdomen | arterial phase | "
    "portal venous phase | native scan | 5 mm slices | 120 kV | oral contrast given | no "
    "contrast | streak artefact | beam hardening | breathing artefact | metal artefact | noise "
    "| poor image quality | blurry image | wrong patient | wrong series | next slice | scroll "
    "up | zoom in | change window | soft tissue window | lung window | reset view | load study "
    "| export | signed | report finished | draft | indication: staging | history of smoking | "
    "abdominal pain | fever | weight loss | 64 year old man | dear colleague | kind regards | "
    "thanks | ok | yes | no | hi | hey | test 123 | testing | aaa | aaaa | xxx | x | bla bla | "
    "ha ha | lol | what | why | who | huh | nothing here | all good | everything fine | la la "
    "la | dummy | sample text | some text | type here | tbd | todo | null | undefined | nan | -"
)

# What is said or asked of a whole organ.
STATES = split_words(
    "enlarged | normal | unremarkable | atrophic | thickened | dilated | displaced | calcified "
    "| compressed | removed | absent | small | stable | inflamed | perforated | obstructed | "
    "fatty"
)

# For putting texts together.
OTHER_ORGANS = split_words(
    "spleen | pancreas | pancreatic head | pancreatic body | stomach | gastric wall | duodenum "
    "| jejunum | colon | sigmoid colon | rectum | bladder | gallbladder | aorta | heart | "
    "mediastinum | spine | vertebral body | sacrum | pelvis | abdominal wall | mesentery | "
    "omentum | peritoneum | retroperitoneum | prostate | uterus | appendix | oesophagus | "
    "inferior vena cava | subcutaneous tissue | psoas muscle | splenic hilum | thyroid | brain"
)
PAIRED_ORGANS = split_words(
    "kidney | adrenal | adrenal gland | lung | lower lobe of the lung | ovary | ureter | renal "
    "pelvis | iliac bone | rib | femur | hip | breast | pleura | renal artery | psoas | flank"
)
ORGAN_FINDINGS = split_words(
    "lesion | cyst | mass | nodule | tumor | tumour | stone | calcification | metastasis | "
    "abscess | infarct | haemorrhage | hematoma | collection | wall thickening | fracture | "
    "aneurysm | thrombus | enlargement | lymph node | obstruction | focus | abnormality | "
    "effusion | scar | polyp | hernia | carcinoma | lesions | cysts | nodules | metastases"
)
ACTIONS = split_words(
    "show | find | outline | segment | mark | measure | open | close | print | send | check | "
    "read | paint | call | look at | bring"
)
EVERYDAY = split_words(
    "chair | table | tree | house | window | river | mountain | bird | horse | fish | bread | "
    "coffee | apple | banana | garden | bicycle | train | aeroplane | ship | street | clock | "
    "telephone | keyboard | screen | book | letter | newspaper | music | piano | guitar | "
    "football | holiday | weather | rain | snow | sun | moon | star | teacher | doctor | nurse "
    "| patient | child | baby | man | woman | shirt | shoe | hat | umbrella | bottle | glass | "
    "cup | knife | spoon | kitchen | door | key | money | price | meeting | e-mail | password | "
    "menu | settings | scanner | protocol | contrast agent | series | image | report | date | "
    "name"
)
QUALITIES = split_words(
    "red | green | blue | yellow | old | new | big | small | fast | slow | warm | cold | happy "
    "| quiet | wooden | broken | cheap | empty | heavy | funny | tall | wet"
)

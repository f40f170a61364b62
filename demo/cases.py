"""Made-up encounters by specialty: the reason for the visit and what the clinician documents."""

from typing import Any, NamedTuple


class Case(NamedTuple):
    reason: str
    diagnosis: str
    prescription: str
    notes: str
    born_by: int = 9999  # the latest year of birth that it fits

    def record(self) -> dict[str, Any]:
        """Return the clinician's texts as fields of records.models.MedicalRecord."""
        return {"diagnosis": self.diagnosis, "prescription": self.prescription, "notes": self.notes}


CASES: dict[str, tuple[Case, ...]] = {
    "Chiropractor": (
        Case(
            "Low back pain after lifting",
            "Lumbar facet syndrome with segmental dysfunction L4-L5 (M54.50)",
            "",
            "S: Dull low back pain 6/10 for ten days since moving furniture; worse on extension, no leg symptoms. "
            "O: Paraspinal hypertonicity L3-S1, restricted L4-L5 rotation left, straight leg raise negative "
            "both sides. "
            "A: Acute mechanical low back pain, good prognosis. "
            "P: Diversified adjustment L4, L5 and left SI joint; ice 15 minutes twice a day; three visits a "
            "week for two weeks.",
        ),
        Case(
            "Neck stiffness and headaches",
            "Cervicogenic headache, cervical segmental dysfunction C2-C3 (G44.86)",
            "",
            "S: Headache from the neck up behind the right eye four days a week, desk work. "
            "O: Cervical rotation right 55 degrees, tender suboccipitals, Spurling negative, reflexes 2+ and equal. "
            "A: Headache reproduced by palpation of C2-C3. "
            "P: Cervical mobilisation and soft tissue work; chin tucks 3 x 10 daily; screen raised to eye level.",
        ),
        Case(
            "Sciatica, follow-up",
            "Lumbar radiculopathy right L5, improving (M54.16)",
            "",
            "S: Leg pain down from 7/10 to 3/10, sits 40 minutes now. "
            "O: Straight leg raise right 65 degrees, strength of the great toe 5/5, sensation intact. "
            "A: Responding to flexion-distraction. "
            "P: Flexion-distraction L5, nerve glides 2 x 10, re-examination in two weeks.",
            born_by=1999,
        ),
        Case(
            "Maintenance adjustment",
            "Thoracic segmental dysfunction T4-T6 (M99.02)",
            "",
            "S: Tightness between the shoulder blades 2/10 after long drives. O: Restricted extension T4-T6. "
            "A: Stable. P: Adjustment T5, foam roller daily, next visit in four weeks.",
        ),
    ),
    "Physical therapist": (
        Case(
            "Knee rehabilitation after arthroscopy",
            "Status post right knee arthroscopy with partial meniscectomy, week 4 (Z47.89)",
            "Home exercise program: quad sets 3 x 15, heel slides 3 x 15, stationary bike 15 minutes daily",
            "S: Pain 2/10 on stairs. O: Flexion 118, extension 0 degrees, trace effusion, quadriceps 4/5. "
            "A: On course for return to work in two weeks. P: Closed-chain strengthening, balance board, twice "
            "a week.",
        ),
        Case(
            "Shoulder pain when reaching overhead",
            "Subacromial impingement, left shoulder (M75.42)",
            "Home exercise program: scapular retraction and external rotation with band, 3 x 12 daily",
            "S: Pain 5/10 above shoulder height for six weeks, sleeps badly on the left. "
            "O: Painful arc 70-110 degrees, Hawkins-Kennedy positive, rotator cuff strength 4+/5. "
            "A: Impingement with poor scapular control. P: Manual therapy, scapular stabilisation, eight visits.",
        ),
        Case(
            "Ankle sprain",
            "Sprain of the anterior talofibular ligament, right ankle, grade II (S93.411A)",
            "Ankle brace for sport, elevation and ice as needed",
            "S: Rolled the ankle at soccer eight days ago, walks with a limp. "
            "O: Swelling 1 cm over the left side, anterior drawer 1+, dorsiflexion 8 degrees. "
            "A: Subacute sprain, Ottawa rules negative. P: Range of motion, proprioception, running in week 4.",
        ),
        Case(
            "Balance training",
            "Unsteadiness on feet, two falls this year (R26.81)",
            "",
            "S: Afraid of stairs. O: Berg 44/56, Timed Up and Go 14.2 s, vision checked. "
            "A: Moderate risk of falling. P: Tai chi steps, sit-to-stand, review of the home for loose rugs.",
            born_by=1958,
        ),
    ),
    "Family medicine": (
        Case(
            "Blood pressure check",
            "Essential hypertension (I10)",
            "Lisinopril 10 mg tablets, one daily, 90 tablets, 1 refill",
            "Home readings average 146/92. No chest pain, no edema. Lisinopril begun, potassium and creatinine "
            "in two weeks.",
            born_by=1989,
        ),
        Case(
            "Cough and sore throat",
            "Acute upper respiratory infection (J06.9)",
            "Acetaminophen 500 mg every 6 hours as needed",
            "Five days of cough, no fever since yesterday. Lungs clear, rapid strep negative. Fluids and rest; "
            "return when short of breath or not better in a week.",
        ),
        Case(
            "Diabetes follow-up",
            "Type 2 diabetes mellitus without complications (E11.9)",
            "Metformin 500 mg, one tablet twice a day with meals, 180 tablets",
            "HbA1c 7.1 %, was 7.8 %. Feet: monofilament normal. Eye examination due. Continue, recheck in three"
            " months.",
            born_by=1986,
        ),
        Case(
            "Annual physical",
            "Encounter for general adult medical examination without abnormal findings (Z00.00)",
            "",
            "No complaints. BMI 24.6, blood pressure 122/78. Influenza vaccine given, lipids and colon "
            "screening ordered.",
            born_by=1979,
        ),
    ),
    "Sports medicine": (
        Case(
            "Runner's knee",
            "Patellofemoral pain syndrome, left (M22.2X2)",
            "Naproxen 250 mg twice a day with food for seven days",
            "Pain at the front of the knee from mile 3 on. Patellar grind positive, hip abductors 4/5. "
            "Half the mileage for two weeks, hip strengthening, new shoes.",
        ),
        Case(
            "Tennis elbow",
            "Lateral epicondylitis, right elbow (M77.11)",
            "Diclofenac gel 1 %, four times a day for two weeks",
            "Grip hurts, tender at the lateral epicondyle, Cozen positive. Counterforce brace, eccentric exercises.",
            born_by=1999,
        ),
        Case(
            "Concussion, return to play",
            "Concussion without loss of consciousness, resolved (S06.0X0D)",
            "",
            "No symptoms for eight days, SCAT normal, light jogging without headache. Step 4 of return to play "
            "this week.",
        ),
    ),
    "Occupational therapist": (
        Case(
            "Numb fingers at night",
            "Carpal tunnel syndrome, right (G56.01)",
            "Wrist splint in neutral position at night for six weeks",
            "Phalen positive at 30 s, Tinel positive, thenar strength 5/5. Tendon glides, keyboard lowered, "
            "review in three weeks.",
            born_by=1999,
        ),
        Case(
            "Hand therapy after fracture",
            "Distal radius fracture, healed, stiffness of the wrist (M25.631)",
            "Home exercise program: wrist range of motion and putty, three times a day",
            "Cast off ten days ago. Extension 35, flexion 40 degrees, grip 14 kg right and 31 kg left. Twice a "
            "week for six weeks.",
        ),
        Case(
            "Workplace ergonomics",
            "Myofascial pain of neck and shoulders from posture (M79.18)",
            "",
            "Workstation assessed by photographs: chair too low, two screens at an angle. Microbreaks every 30 "
            "minutes.",
        ),
    ),
}
SPECIALTIES = tuple(CASES)


def cases_of(specialty: str, born: int | None = None) -> tuple[Case, ...]:
    """Return the encounters of a specialty, those of family medicine if it has none; with a year of birth only those
    that fit the patient's age."""
    cases = CASES.get(specialty) or CASES["Family medicine"]
    return tuple(case for case in cases if born is None or born <= case.born_by)
